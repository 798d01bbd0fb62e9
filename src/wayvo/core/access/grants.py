"""Access: what a credential holds, as pairs of audience and scope patterns. Who may give which access to another."""

from collections.abc import Mapping
from typing import Final

from wayvo.core.access.permissions import APIS_USE, APIS_WRITE, OWN_AUDIENCE, VERIFY
from wayvo.core.access.scopes import EVERYTHING, covers, flatten, not_covered

Access = Mapping[str, tuple[str, ...]]
"""Audience to scope patterns."""

NO_ACCESS: Final[Access] = {}


def effective_scopes(patterns: tuple[str, ...], declared: frozenset[str], *, owns_api: bool) -> frozenset[str]:
    """Return what ``patterns`` open now at an API that declares ``declared``.

    A wildcard stands for :data:`VERIFY` only in the hands of the organization that owns the API: otherwise a customer's
    ``*`` would let it ask about every other customer's credentials.
    """
    scopes = flatten(patterns, declared - {VERIFY})
    if VERIFY in patterns or (owns_api and any(covers(pattern, VERIFY) for pattern in patterns)):
        return scopes | {VERIFY}
    return scopes


def is_undeclared(pattern: str, declared: frozenset[str]) -> bool:
    """Say whether ``pattern`` stands for nothing that the API declares (``*`` always may be given)."""
    return pattern not in (EVERYTHING, VERIFY) and not flatten((pattern,), declared)


def held_on(audience: str, access: Access, *, is_owned: bool) -> tuple[str, ...]:
    """Return the patterns that ``access`` amounts to on one audience.

    Who holds ``apis:write`` decides what the organization's own APIs declare, and so holds all of them; ``apis:use``
    holds every API that the organization can use. Wayvo's own audience is never among them.
    """
    named = access.get(audience, ())
    if audience == OWN_AUDIENCE or EVERYTHING in named:
        return named
    ruling = (APIS_WRITE, APIS_USE) if is_owned else (APIS_USE,)
    own = access.get(OWN_AUDIENCE, ())
    if any(covers(pattern, permission) for pattern in own for permission in ruling):
        return (*named, EVERYTHING)
    return named


def beyond(giver: Access, wanted: Access, *, owned_audiences: frozenset[str]) -> dict[str, list[str]]:
    """Return what of ``wanted`` the giver must not give, as audience to patterns; empty when all is well.

    Nobody gives more than they hold; :func:`held_on` says what that is.
    """
    missing: dict[str, list[str]] = {}
    for audience, patterns in wanted.items():
        is_owned = audience in owned_audiences
        held = held_on(audience, giver, is_owned=is_owned)
        lacking = not_covered(patterns, held)
        # As in effective_scopes: a wildcard is no authority to ask about the credentials of other organizations.
        if VERIFY in patterns and not {VERIFY}.intersection((*held, *lacking)) and not is_owned:
            lacking.append(VERIFY)
        if lacking:
            missing[audience] = lacking
    return missing


def added(before: Access, after: Access) -> dict[str, tuple[str, ...]]:
    """Return what ``after`` gives that ``before`` did not cover."""
    widened: dict[str, tuple[str, ...]] = {}
    for audience, patterns in after.items():
        had = before.get(audience, ())
        more = not_covered(patterns, had)
        # As in effective_scopes: a wildcard need not have been the authority that the name itself is.
        if VERIFY in patterns and VERIFY not in had and VERIFY not in more:
            more.append(VERIFY)
        if more:
            widened[audience] = tuple(more)
    return widened
