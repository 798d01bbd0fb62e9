"""Organizations, their users and projects, and the APIs they protect."""

from typing import Literal

import msgspec

from wayvo.core.operations import ApiOperation

Visibility = Literal["private", "installation"]


class Organization(msgspec.Struct, frozen=True, kw_only=True):
    """Owns projects, has members. ``disabled_at``: since when it is denied everything."""

    id: str
    name: str
    created_at: int
    is_operator: bool = False
    disabled_at: int | None = None


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A member of an organization, with the role held there; ``role_name`` is a custom role's."""

    id: str
    email: str
    name: str
    role: str
    created_at: int
    role_name: str | None = None


class ProjectMember(msgspec.Struct, frozen=True, kw_only=True):
    """A member of the organization who holds a role in one project too; ``role_name`` is a custom role's."""

    project_id: str
    user_id: str
    email: str
    name: str
    role: str
    created_at: int
    role_name: str | None = None


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """Holds API keys. Archived, it ends all of them."""

    id: str
    organization_id: str
    name: str
    description: str
    created_at: int
    archived_at: int | None = None


class ApiScope(msgspec.Struct, frozen=True):
    """A scope that an API declares."""

    name: str
    description: str = ""


class Api(msgspec.Struct, frozen=True, kw_only=True):
    """A protected API (resource server), named by its audience; ``private`` to its organization or for all of them."""

    id: str
    organization_id: str
    audience: str
    name: str
    description: str
    scopes: tuple[ApiScope, ...]
    visibility: Visibility
    built_in: bool
    created_at: int
    operations: tuple[ApiOperation, ...] = ()

    def declared(self) -> frozenset[str]:
        """Return the names of the declared scopes."""
        return frozenset(scope.name for scope in self.scopes)
