"""What verification needs of credentials, read by digest in batches; digests on their way to a new root secret."""

from collections.abc import Collection
from typing import Final

import msgspec
from sqlalchemy import Connection, func, select

from wayvo.core.credentials.format import Mode
from wayvo.core.credentials.record import ApiRecord, CredentialRecord, CredentialRecords
from wayvo.store.apis import declared_operations, declared_scopes
from wayvo.store.rows import AnyRow
from wayvo.store.tables import api_keys, apis, projects

_CREDENTIALS: Final = select(
    api_keys.c.digest,
    api_keys.c.id,
    api_keys.c.organization_id,
    api_keys.c.project_id,
    projects.c.archived_at,
    api_keys.c.mode,
    api_keys.c.access,
    api_keys.c.allowed_networks,
    api_keys.c.expires_at,
    api_keys.c.revoked_at,
).join_from(api_keys, projects, projects.c.id == api_keys.c.project_id)


def find(connection: Connection, digests: Collection[bytes]) -> CredentialRecords:
    """Return the credentials stored under ``digests``, with the APIs that they name."""
    rows = connection.execute(_CREDENTIALS.where(api_keys.c.digest.in_(digests))).all()
    credentials = tuple(_credential(row) for row in rows)
    audiences = {audience for credential in credentials for audience in credential.access}
    if not audiences:
        return CredentialRecords(credentials, {})
    found = connection.execute(select(apis).where(apis.c.audience.in_(audiences)))
    return CredentialRecords(credentials, {row.audience: _api(row) for row in found})


def secrets_in_use(connection: Connection) -> frozenset[str]:
    """Return the fingerprints of the root secrets that digests are stored under: one index look-up for each."""
    found: list[str] = []
    while True:
        following = select(func.min(api_keys.c.digest_secret))
        if found:
            following = following.where(api_keys.c.digest_secret > found[-1])
        fingerprint = connection.execute(following).scalar()
        if fingerprint is None:
            return frozenset(found)
        found.append(fingerprint)


def move_digest(connection: Connection, old: bytes, new: bytes, secret: str) -> None:
    """Store a credential under its digest by another root secret; a second attempt changes nothing."""
    connection.execute(api_keys.update().where(api_keys.c.digest == old), {"digest": new, "digest_secret": secret})


def _credential(row: AnyRow) -> CredentialRecord:
    return CredentialRecord(
        digest=row.digest,
        id=row.id,
        organization_id=row.organization_id,
        project_id=row.project_id,
        project_archived=row.archived_at is not None,
        mode=Mode(row.mode),
        access=msgspec.json.decode(row.access, type=dict[str, tuple[str, ...]]),
        allowed_networks=msgspec.json.decode(row.allowed_networks, type=tuple[str, ...]),
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )


def _api(row: AnyRow) -> ApiRecord:
    return ApiRecord(
        audience=row.audience,
        id=row.id,
        organization_id=row.organization_id,
        is_private=row.visibility == "private",
        declared=declared_scopes(row.scopes),
        operations=declared_operations(row.operations),
    )
