"""What the API takes and answers. What a newer server adds is ignored here, and kept in the answer's raw JSON."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from wayvo.core.credentials.format import Mode

# ---------------------------------------------------------------- answers


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who a credential speaks for; in an audit event, who did something or what it was done to."""

    type: str
    id: str


class ScopeUse(msgspec.Struct, frozen=True, kw_only=True):
    """A scope that a key was accepted for of late."""

    audience: str
    scope: str
    last_used_at: datetime


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """An API key, without its secret."""

    id: str
    project_id: str
    name: str
    mode: str
    status: str
    last_four: str
    created_at: datetime
    description: str = ""
    organization_id: str | None = None
    principal: Principal | None = None
    access: Mapping[str, tuple[str, ...]] = {}
    scopes: tuple[str, ...] = ()
    allowed_networks: tuple[str, ...] = ()
    metadata: Mapping[str, str] = {}
    prefix: str = ""
    created_by: str | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    revocation_reason: str | None = None
    last_used_at: datetime | None = None
    last_used_network: str | None = None
    predecessor_id: str | None = None
    successor_id: str | None = None
    user_id: str | None = None
    scopes_used: tuple[ScopeUse, ...] = ()
    """Told of a single key only."""


class Predecessor(msgspec.Struct, frozen=True, kw_only=True):
    """The key that a rotation replaced: when it ends, and whether somebody still uses it."""

    id: str
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    last_used_network: str | None = None


class IssuedApiKey(ApiKey, frozen=True, kw_only=True):
    """A key just made. ``api_key`` is its secret, shown this once; ``None`` when the answer is a replay."""

    api_key: str | None = None
    replayed: bool = False
    predecessor: Predecessor | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(id={self.id!r}, name={self.name!r}, api_key=…)"

    def __rich_repr__(self) -> Iterable[Any]:  # type: ignore[override]  # Rich would print the secret
        yield "id", self.id
        yield "name", self.name


class ImportedRow(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a row of an import: ``created``, ``exists`` or ``refused``."""

    row: int
    outcome: str
    id: str | None = None
    field: str | None = None
    message: str | None = None


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an import."""

    created: int
    existing: int
    refused: int
    rows: tuple[ImportedRow, ...]
    warnings: tuple[str, ...] = ()


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A member of the caller's organization; ``role`` is a built-in role's name or a custom one's id."""

    id: str
    email: str
    role: str
    created_at: datetime
    name: str = ""
    role_name: str = ""


class ProjectMember(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a role in a project beyond the one in the organization."""

    project_id: str
    user_id: str
    email: str
    role: str
    created_at: datetime
    name: str = ""
    role_name: str = ""


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """A role: built in, or the organization's own."""

    id: str
    name: str
    description: str = ""
    built_in: bool = False
    permissions: tuple[str, ...] = ()
    access: Mapping[str, tuple[str, ...]] = {}
    created_at: datetime | None = None


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation, without its token."""

    id: str
    email: str
    role: str
    status: str
    created_at: datetime
    expires_at: datetime
    organization_id: str | None = None
    created_by: str | None = None
    accepted_at: datetime | None = None
    withdrawn_at: datetime | None = None
    user_id: str | None = None


class IssuedInvitation(Invitation, frozen=True, kw_only=True):
    """An invitation just made. ``url`` is its link, shown this once; ``None`` when the answer is a replay."""

    token: str | None = None
    url: str | None = None
    replayed: bool = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}(id={self.id!r}, email={self.email!r}, token=…)"

    def __rich_repr__(self) -> Iterable[Any]:  # type: ignore[override]  # Rich would print the secret
        yield "id", self.id
        yield "email", self.email


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A project: what API keys belong to."""

    id: str
    name: str
    status: str
    created_at: datetime
    description: str = ""
    organization_id: str | None = None
    archived_at: datetime | None = None


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """A scope that an API declares."""

    name: str
    description: str = ""


class Operation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An operation that an API declares: these methods on paths of this pattern need all of these scopes."""

    methods: tuple[str, ...]
    path: str
    scopes: tuple[str, ...] = ()
    name: str | None = None


class ProtectedApi(msgspec.Struct, frozen=True, kw_only=True):
    """A protected API (resource server), named by its audience."""

    id: str
    audience: str
    name: str
    visibility: str
    created_at: datetime
    description: str = ""
    organization_id: str | None = None
    scopes: tuple[Scope, ...] = ()
    operations: tuple[Operation, ...] = ()
    built_in: bool = False


class AuditEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What happened: who did it, to what, from where, and how that changed."""

    id: str
    at: datetime
    action: str
    actor: Principal
    target: Principal
    organization_id: str | None = None
    credential_id: str | None = None
    address: str | None = None
    request_id: str | None = None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    sequence: int | None = None


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """The credential that asked."""

    id: str
    kind: str
    mode: str
    name: str = ""
    expires_at: datetime | None = None


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """An id with the name that people give it."""

    id: str
    name: str


class BoundUser(msgspec.Struct, frozen=True, kw_only=True):
    """The user that a credential is bound to, with the roles held now."""

    id: str
    email: str
    role: str
    name: str = ""
    project_role: str | None = None


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What is held inside one project."""

    access: Mapping[str, tuple[str, ...]] = {}
    scopes: tuple[str, ...] = ()


class WhoAmI(msgspec.Struct, frozen=True, kw_only=True):
    """Who the caller is, to the server."""

    credential: Credential
    principal: Principal
    organization: Named
    project: Named | None = None
    user: BoundUser | None = None
    in_project: Held | None = None
    access: Mapping[str, tuple[str, ...]] = {}
    scopes: tuple[str, ...] = ()


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """What an accepted invitation gave."""

    organization: Named
    user: User


# ---------------------------------------------------------------- commands


class NewApiKey(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a new key is to be. What isn't named isn't held."""

    name: str
    description: str = ""
    project_id: str | None = None
    user_id: str | None = None
    mode: Mode | None = None
    access: Mapping[str, tuple[str, ...]] | None = None
    scopes: tuple[str, ...] | None = None
    expires_at: datetime | None = None
    allowed_networks: tuple[str, ...] = ()
    metadata: Mapping[str, str] | None = None


class ForeignFormat(msgspec.Struct, frozen=True, kw_only=True):
    """What keys that were made elsewhere look like."""

    prefix: str
    alphabet: str
    min_length: int
    max_length: int


class KeyImport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Keys to import, each as a JSON object with at least ``sha256`` and ``name``."""

    format: ForeignFormat
    keys: tuple[Mapping[str, Any], ...]
    accept_weak: bool = False
    dry_run: bool = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}(format={self.format!r})"


class ApiKeyChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What changes about a key; ``UNSET`` stays as it is, ``expires_at=None`` lifts the expiry."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    access: Mapping[str, tuple[str, ...]] | UnsetType = UNSET
    scopes: tuple[str, ...] | UnsetType = UNSET
    expires_at: datetime | UnsetType | None = UNSET
    allowed_networks: tuple[str, ...] | UnsetType = UNSET
    metadata: Mapping[str, str] | UnsetType = UNSET


class Rotation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a key is rotated: for how long both work, and when the successor ends."""

    overlap_seconds: int | None = None
    expires_at: datetime | None = None


class Revocation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a key is revoked."""

    reason: str | None = None


class NewProject(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a new project is to be."""

    name: str
    description: str = ""


class ProjectChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What changes about a project."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET


class NewApi(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a protected API is to be."""

    audience: str
    name: str
    description: str = ""
    scopes: tuple[Scope, ...] = ()
    operations: tuple[Operation, ...] = ()
    visibility: str | None = None


class ApiChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What changes about a protected API; ``scopes`` and ``operations`` replace all that it declared."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    scopes: tuple[Scope, ...] | UnsetType = UNSET
    operations: tuple[Operation, ...] | UnsetType = UNSET
    visibility: str | UnsetType = UNSET


class RoleOf(msgspec.Struct, frozen=True, kw_only=True):
    """The role that somebody is to have."""

    role: str


class NewRole(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a new role is to be, and allow."""

    name: str
    permissions: tuple[str, ...]
    description: str = ""
    access: Mapping[str, tuple[str, ...]] | None = None


class RoleChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What changes about a role; ``permissions`` and ``access`` replace all that it allowed of each."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    permissions: tuple[str, ...] | UnsetType = UNSET
    access: Mapping[str, tuple[str, ...]] | UnsetType = UNSET


class NewInvitation(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to invite, as what."""

    email: str
    role: str


class Acceptance(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The token of an invitation, and who comes with it."""

    token: str
    name: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"
