"""What the store tells verification of a credential, of the APIs it names, and of the user it is bound to."""

import msgspec

from wayvo.core.access.grants import Access
from wayvo.core.credentials.foreign import KeyFormat
from wayvo.core.credentials.format import Mode
from wayvo.core.operations import ApiOperation


class UserRecord(msgspec.Struct, frozen=True):
    """The user that a credential is bound to, with the names of the roles held now.

    ``role`` is the organization's, ``None`` for who is no member; ``project_role`` the one in the credential's project.
    """

    id: str
    role: str | None = None
    project_role: str | None = None


class CredentialRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A stored credential as it is now. Instants are microseconds; ``project_archived`` ends it like a revocation.

    Without ``user`` it speaks for its project's service account.
    """

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
    organization_disabled: bool = False
    is_operators: bool = False
    user: UserRecord | None = None


class ApiRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What an API declares, and whose it is. No operations: nothing is said about what they need."""

    audience: str
    id: str
    organization_id: str
    is_private: bool
    declared: frozenset[str]
    operations: tuple[ApiOperation, ...] = ()


class CredentialRecords(msgspec.Struct, frozen=True):
    """One consistent reading: the credentials found, and what any of them names.

    ``apis`` are by audience; ``roles`` are what the custom roles among the users' allow, by id.
    """

    credentials: tuple[CredentialRecord, ...]
    apis: dict[str, ApiRecord]
    roles: dict[str, Access] = {}


class Move(msgspec.Struct, frozen=True):
    """The digest that a credential stands under, and the one that it shall; its new import digest if it has one."""

    old: bytes
    new: bytes
    imported: bytes | None


class ImportState(msgspec.Struct, frozen=True):
    """What imported keys look like, and whether any still stands under the digest that it was imported with."""

    formats: tuple[KeyFormat, ...]
    are_waiting: bool
