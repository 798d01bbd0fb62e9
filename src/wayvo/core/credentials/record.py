"""What the store tells verification of a credential and of the APIs it names."""

import msgspec

from wayvo.core.access.grants import Access
from wayvo.core.credentials.format import Mode
from wayvo.core.operations import ApiOperation


class CredentialRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A stored credential as it is now. Instants are microseconds; ``project_archived`` ends it like a revocation."""

    digest: bytes
    id: str
    organization_id: str
    project_id: str
    project_archived: bool
    mode: Mode
    access: Access
    allowed_networks: tuple[str, ...]
    expires_at: int | None
    revoked_at: int | None


class ApiRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What an API declares, and whose it is. No operations: nothing is said about what they need."""

    audience: str
    id: str
    organization_id: str
    is_private: bool
    declared: frozenset[str]
    operations: tuple[ApiOperation, ...] = ()


class CredentialRecords(msgspec.Struct, frozen=True):
    """One consistent reading: the credentials found, and the APIs that any of them names, by audience."""

    credentials: tuple[CredentialRecord, ...]
    apis: dict[str, ApiRecord]
