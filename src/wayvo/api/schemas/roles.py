"""Roles and permissions as JSON."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from wayvo.api.schemas.fields import AccessMap, Description, Moment, Name, Patterns
from wayvo.core.access.permissions import OWN_AUDIENCE, CredentialKind, Permission
from wayvo.core.access.roles import BUILT_IN_ROLES, Role
from wayvo.core.access.scopes import covers
from wayvo.core.instants import format_instant
from wayvo.services.roles import ChangeRole, CreateRole

_OTHERS = "Audience to scopes, on other APIs than Wayvo's own: what else its holders may give to their keys."


class RoleView(msgspec.Struct, frozen=True, kw_only=True):
    """A role. A built-in one has its name for an id."""

    id: Annotated[str, Meta(examples=["rol_01k8b3v0q5f7g9h1j3k5m7n9p1"])]
    name: str
    description: str
    built_in: bool
    permissions: Annotated[tuple[str, ...], Meta(description="What it allows on Wayvo's own API.")]
    access: Annotated[dict[str, tuple[str, ...]], Meta(description=_OTHERS)]
    created_at: Moment | None
    replayed: Annotated[Literal[True] | UnsetType, Meta(description="Present when the answer is a replay.")] = UNSET


class CreateRoleBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A role to make. It allows nothing that is not named here."""

    name: Name
    description: Description = ""
    permissions: Patterns
    access: Annotated[
        AccessMap, Meta(description=_OTHERS, examples=[{"https://api.example.com": ["orders:read"]}])
    ] = {}

    def to_command(self) -> CreateRole:
        """Return what the service understands."""
        return CreateRole(
            name=self.name, description=self.description, permissions=self.permissions, access=self.access
        )


class ChangeRoleBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What to change; what is left out stays. ``permissions`` and ``access`` replace what was allowed there."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    permissions: Patterns | UnsetType = UNSET
    access: AccessMap | UnsetType = UNSET

    def to_command(self) -> ChangeRole:
        """Return what the service understands."""
        return ChangeRole(
            name=self.name, description=self.description, permissions=self.permissions, access=self.access
        )


class PermissionView(msgspec.Struct, frozen=True, kw_only=True):
    """A permission of Wayvo's own API."""

    name: str
    description: str
    operators: Annotated[bool, Meta(description="Whether the operator's organization alone may hold it.")]
    kinds: Annotated[tuple[CredentialKind, ...], Meta(description="The kinds of credential that may ever hold it.")]
    roles: Annotated[tuple[str, ...], Meta(description="The built-in roles that allow it.")]


def role_view(role: Role) -> RoleView:
    """Return a role as JSON shows it."""
    return RoleView(
        id=role.id,
        name=role.name,
        description=role.description,
        built_in=role.is_built_in,
        permissions=role.access.get(OWN_AUDIENCE, ()),
        access={audience: patterns for audience, patterns in role.access.items() if audience != OWN_AUDIENCE},
        created_at=None if role.created_at is None else format_instant(role.created_at),
    )


def permission_view(permission: Permission) -> PermissionView:
    """Return a permission as JSON shows it."""
    return PermissionView(
        name=permission.name,
        description=permission.description,
        operators=permission.is_operators,
        kinds=tuple(kind for kind in CredentialKind if kind in permission.kinds),
        roles=tuple(
            role.name
            for role in BUILT_IN_ROLES
            if any(covers(pattern, permission.name) for pattern in role.access[OWN_AUDIENCE])
        ),
    )
