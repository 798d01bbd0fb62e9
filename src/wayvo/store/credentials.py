"""What verification needs of credentials, read by digest in batches; digests on their way to a new root secret."""

from collections.abc import Collection
from typing import Final

import msgspec
from sqlalchemy import Connection, and_, bindparam, case, exists, func, select

from wayvo.core.credentials.format import Mode
from wayvo.core.credentials.record import ApiRecord, CredentialRecord, CredentialRecords, Move, UserRecord
from wayvo.store import held_roles
from wayvo.store.apis import declared_operations, declared_scopes
from wayvo.store.rows import AnyRow
from wayvo.store.tables import api_keys, apis, members, organizations, project_members, projects

# Built once: where little is read at a time, building a statement costs more than running it.
_CREDENTIALS: Final = (
    select(
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
        organizations.c.disabled_at,
        organizations.c.is_operator,
        api_keys.c.user_id,
        api_keys.c.created_at,
        members.c.created_at,
        members.c.role,
        project_members.c.role,
    )
    .join_from(api_keys, projects, projects.c.id == api_keys.c.project_id)
    .join(organizations, organizations.c.id == api_keys.c.organization_id)
    .outerjoin(
        members, and_(members.c.organization_id == api_keys.c.organization_id, members.c.user_id == api_keys.c.user_id)
    )
    .outerjoin(
        project_members,
        and_(project_members.c.project_id == api_keys.c.project_id, project_members.c.user_id == api_keys.c.user_id),
    )
    .where(api_keys.c.digest.in_(bindparam("digests", expanding=True)))
)
_APIS: Final = select(apis).where(apis.c.audience.in_(bindparam("audiences", expanding=True)))

_MODES: Final = {mode.value: mode for mode in Mode}
_ACCESS: Final = msgspec.json.Decoder(dict[str, tuple[str, ...]])
_NETWORKS: Final = msgspec.json.Decoder(tuple[str, ...])

_UNMOVED: Final = (
    select(api_keys.c.id).where(api_keys.c.digest == api_keys.c.import_digest, api_keys.c.id > "").limit(1)
)


def find(connection: Connection, digests: Collection[bytes]) -> CredentialRecords:
    """Return the credentials stored under ``digests``, with the APIs and the custom roles that they name."""
    rows = connection.execute(_CREDENTIALS, {"digests": list(digests)})
    credentials = tuple(_credential(row) for row in rows)
    audiences = {audience for credential in credentials for audience in credential.access}
    if not audiences:
        return CredentialRecords(credentials, {})
    found = connection.execute(_APIS, {"audiences": list(audiences)})
    users = [credential.user for credential in credentials if credential.user is not None]
    roles = held_roles.custom(connection, (role for user in users for role in (user.role, user.project_role)))
    return CredentialRecords(credentials, {row.audience: _api(row) for row in found}, roles)


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


def move_digest(connection: Connection, move: Move, secret: str) -> None:
    """Store a credential under its digest by the present root secret; a second attempt changes nothing.

    Nor does one where another key has that digest already, which is then the only one that its secret opens.
    """
    imported = case((api_keys.c.import_digest.is_not(None), move.imported), else_=None)
    other = api_keys.alias()
    connection.execute(
        api_keys.update()
        .where(api_keys.c.digest == move.old, ~exists().where(other.c.digest == move.new))
        .values(digest=move.new, digest_secret=secret, import_digest=imported)
    )


def are_imports_waiting(connection: Connection) -> bool:
    """Say whether any key still stands under the digest that it was imported with."""
    return connection.execute(_UNMOVED).first() is not None


def _credential(row: AnyRow) -> CredentialRecord:
    # Unpacking a row is quicker than asking it for each of its columns.
    (
        digest,
        key_id,
        organization_id,
        project_id,
        archived_at,
        mode,
        access,
        allowed_networks,
        expires_at,
        revoked_at,
        disabled_at,
        is_operator,
        user_id,
        created_at,
        member_since,
        role,
        project_role,
    ) = row
    user = None
    if user_id is not None:
        # Who was removed and invited again starts anew: an older key stays dead.
        is_member = member_since is not None and created_at >= member_since
        user = UserRecord(user_id, role, project_role) if is_member else UserRecord(user_id)
    return CredentialRecord(
        digest=digest,
        id=key_id,
        organization_id=organization_id,
        project_id=project_id,
        project_archived=archived_at is not None,
        mode=_MODES[mode],
        access=_ACCESS.decode(access),
        allowed_networks=_NETWORKS.decode(allowed_networks),
        expires_at=expires_at,
        revoked_at=revoked_at,
        organization_disabled=disabled_at is not None,
        is_operators=is_operator,
        user=user,
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
