"""The grammar of scopes (``noun:verb``), and what their wildcards (``noun:*``, ``*``) stand for.

A *pattern* is what a credential was given; the *flattened* set is what its patterns stand for among the scopes that
the API declares now. Verification compares flattened sets only, so a scope no longer declared opens nothing.
The alphabet is a subset of RFC 6749 §3.3's ``scope-token``.
"""

import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Final

EVERYTHING: Final = "*"
MAX_SCOPE_LENGTH: Final = 100
SCOPE_PATTERN: Final = r"^[a-z][a-z0-9]*([._-][a-z0-9]+)*:[a-z][a-z0-9]*([._-][a-z0-9]+)*$"
GRANT_PATTERN: Final = r"^(\*|[a-z][a-z0-9]*([._-][a-z0-9]+)*:(\*|[a-z][a-z0-9]*([._-][a-z0-9]+)*))$"

_SCOPE: Final = re.compile(SCOPE_PATTERN[:-1] + r"\Z")
_GRANT: Final = re.compile(GRANT_PATTERN[:-1] + r"\Z")


@lru_cache(maxsize=4096)
def is_scope(text: str) -> bool:
    """Say whether ``text`` names one scope (no wildcard)."""
    return len(text) <= MAX_SCOPE_LENGTH and _SCOPE.match(text) is not None


def is_pattern(text: str) -> bool:
    """Say whether ``text`` may be given to a credential: a scope or a wildcard."""
    return len(text) <= MAX_SCOPE_LENGTH and _GRANT.match(text) is not None


def covers(pattern: str, scope: str) -> bool:
    """Say whether ``pattern`` stands for ``scope``, which may itself be a wildcard that only a wider one covers."""
    if pattern in (EVERYTHING, scope):
        return True
    return pattern.endswith(":*") and scope.startswith(pattern[:-1])


def flatten(patterns: Iterable[str], declared: Collection[str]) -> frozenset[str]:
    """Return the declared scopes that ``patterns`` stand for."""
    held = tuple(patterns)
    if EVERYTHING in held:
        return frozenset(declared)
    return frozenset(scope for scope in declared if any(covers(pattern, scope) for pattern in held))


def not_covered(wanted: Iterable[str], held: Collection[str]) -> list[str]:
    """Return those of ``wanted`` that no pattern of ``held`` covers, in their order."""
    return [scope for scope in wanted if not any(covers(pattern, scope) for pattern in held)]
