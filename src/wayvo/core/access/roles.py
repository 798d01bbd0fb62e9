"""Roles: what a member may do, in the organization or in one project, and what access they may give.

A role holds access as a credential does: the patterns on Wayvo's own audience are its permissions. Under
:data:`ANY_AUDIENCE` it holds patterns on every other API that the organization can use.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from wayvo.core.access.grants import ANY_AUDIENCE, Access, beyond
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


_EVERY_API: Final[Access] = {ANY_AUDIENCE: (EVERYTHING,)}

OWNER: Final = Role(
    id="owner",
    organization_id=None,
    name="owner",
    description="Holds everything. An organization always has one.",
    access={OWN_AUDIENCE: (EVERYTHING,), **_EVERY_API},
)
ADMIN: Final = Role(
    id="admin",
    organization_id=None,
    name="admin",
    description="Runs the organization: members, roles, projects, keys and APIs.",
    access={
        OWN_AUDIENCE: (
            "api-keys:*",
            "apis:*",
            "audit-events:read",
            VERIFY,
            "organizations:*",
            "projects:*",
            "roles:*",
            "users:*",
        ),
        **_EVERY_API,
    },
)
DEVELOPER: Final = Role(
    id="developer",
    organization_id=None,
    name="developer",
    description="Makes and changes API keys, and sees what they open.",
    access={
        OWN_AUDIENCE: (
            "api-keys:read",
            "api-keys:write",
            "apis:read",
            "organizations:read",
            "projects:read",
            "roles:read",
            "users:read",
        ),
        **_EVERY_API,
    },
)
VIEWER: Final = Role(
    id="viewer",
    organization_id=None,
    name="viewer",
    description="Sees, and changes nothing.",
    access={
        OWN_AUDIENCE: (
            "api-keys:read",
            "apis:read",
            "organizations:read",
            "projects:read",
            "roles:read",
            "users:read",
        )
    },
)

BUILT_IN_ROLES: Final = (OWNER, ADMIN, DEVELOPER, VIEWER)
BUILT_IN: Final = {role.id: role for role in BUILT_IN_ROLES}


def patterns_on(audience: str, roles: Iterable[Access]) -> tuple[str, ...]:
    """Return the patterns that roles hold together on one audience."""
    held: set[str] = set()
    for access in roles:
        held.update(access.get(audience, ()))
        if audience != OWN_AUDIENCE:
            held.update(access.get(ANY_AUDIENCE, ()))
    return tuple(sorted(held))


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


def within(access: Access, roles: Iterable[Access]) -> Access:
    """Return what is left of a credential's access when its user holds ``roles``.

    A wildcard in either is no authority to ask about credentials (see :func:`~wayvo.core.access.grants.effective_scopes`):
    :data:`VERIFY` is left where one names it and the other covers it, for the organization's own APIs to be sorted out
    later.
    """
    held = tuple(roles)
    left = {audience: meet(patterns, patterns_on(audience, held)) for audience, patterns in access.items()}
    return {audience: patterns for audience, patterns in left.items() if patterns}


def above(role: Access, giver: Access, *, owned_audiences: frozenset[str], owns_every_api: bool) -> dict[str, list[str]]:
    """Return what of a role the giver must not give, as audience to patterns; empty when all is well.

    ``owns_every_api``: the giver's organization is the operator's, to which all the APIs belong that others can use too.
    """
    owned = owned_audiences | {ANY_AUDIENCE} if owns_every_api else owned_audiences
    return beyond(giver, role, owned_audiences=owned)
