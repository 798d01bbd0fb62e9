"""Roles: what a member may do, in the organization or in one project, and what access they may give.

A role holds access as a credential does: the patterns on Wayvo's own audience are its permissions.
"""

import unicodedata
from collections.abc import Iterable
from typing import Final

import msgspec

from wayvo.core.access.grants import NO_ACCESS, Access, held_on
from wayvo.core.access.permissions import OWN_AUDIENCE, VERIFY
from wayvo.core.access.scopes import EVERYTHING, covers


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """A role. A built-in one has its name for an id, no organization, and no moment of creation."""

    id: str
    organization_id: str | None
    name: str
    description: str
    access: Access
    created_at: int | None = None

    @property
    def is_built_in(self) -> bool:
        """Whether Wayvo brings it along."""
        return self.organization_id is None


def _built_in(name: str, description: str, *permissions: str) -> Role:
    return Role(id=name, organization_id=None, name=name, description=description, access={OWN_AUDIENCE: permissions})


OWNER: Final = _built_in("owner", "Holds everything. An organization always has one.", EVERYTHING)
ADMIN: Final = _built_in(
    "admin",
    "Runs the organization: members, roles, projects, keys and APIs.",
    "api-keys:*",
    "apis:*",
    "audit-events:read",
    "organizations:*",
    "projects:*",
    "roles:*",
    "users:*",
)
DEVELOPER: Final = _built_in(
    "developer",
    "Makes and changes API keys, for every API that the organization can use.",
    "api-keys:read",
    "api-keys:write",
    "apis:read",
    "apis:use",
    "organizations:read",
    "projects:read",
    "roles:read",
    "users:read",
)
VIEWER: Final = _built_in(
    "viewer",
    "Sees, and changes nothing.",
    "api-keys:read",
    "apis:read",
    "organizations:read",
    "projects:read",
    "roles:read",
    "users:read",
)

BUILT_IN_ROLES: Final = (OWNER, ADMIN, DEVELOPER, VIEWER)
BUILT_IN: Final = {role.id: role for role in BUILT_IN_ROLES}


def folded(name: str) -> str:
    """Return what a role's name is to the eye: two that differ in case, width, blanks or what is unseen look alike."""
    compatible = unicodedata.normalize("NFKC", name).casefold()
    return "".join(char for char in compatible if not (char.isspace() or unicodedata.category(char) == "Cf"))


def together(roles: Iterable[Access]) -> Access:
    """Return the access of somebody who holds all of these roles."""
    held: dict[str, set[str]] = {}
    for access in roles:
        for audience, patterns in access.items():
            held.setdefault(audience, set()).update(patterns)
    return {audience: tuple(sorted(patterns)) for audience, patterns in sorted(held.items())}


def meet(first: Iterable[str], second: Iterable[str]) -> tuple[str, ...]:
    """Return the patterns that stand for what both ``first`` and ``second`` stand for.

    Two patterns of this grammar either cover one another or have nothing in common.
    """
    others = tuple(second)
    common = {
        narrower
        for pattern in first
        for other in others
        if (narrower := pattern if covers(other, pattern) else other if covers(pattern, other) else None) is not None
    }
    return tuple(sorted(common))


def within(access: Access, role: Access, *, owned_audiences: frozenset[str]) -> Access:
    """Return what is left of a credential's access when its user holds ``role`` (see :func:`together`) now.

    On an API of another organization :data:`VERIFY` is left only where both have it by its name: a wildcard is no
    authority to ask about credentials there (see :func:`~wayvo.core.access.grants.effective_scopes`).
    """
    left = {}
    for audience, patterns in access.items():
        is_owned = audience in owned_audiences
        held = held_on(audience, role, is_owned=is_owned)
        common = meet(patterns, held)
        if not is_owned and not (VERIFY in patterns and VERIFY in held):
            common = tuple(pattern for pattern in common if pattern != VERIFY)
        if common:
            left[audience] = common
    return left or NO_ACCESS
