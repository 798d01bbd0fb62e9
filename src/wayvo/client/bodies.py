"""What the API takes: the bodies of requests."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from wayvo.client.models import Operation, Scope
from wayvo.core.credentials.format import Mode


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
