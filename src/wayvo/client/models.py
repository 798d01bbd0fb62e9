"""What the API answers. What a newer server adds is ignored here, and kept in the answer's raw JSON."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec


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
