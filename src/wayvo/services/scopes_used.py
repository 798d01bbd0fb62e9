"""The scopes that a key really used of late: what is stored, and what is noted but not stored yet."""

from collections.abc import Mapping
from typing import Final, Protocol

import msgspec
from sqlalchemy import Connection

from wayvo.core.instants import DAY_US
from wayvo.store import scope_uses

WITHIN_US: Final = 30 * DAY_US


class NotedScopeUses(Protocol):
    """Uses that are noted but not stored yet."""

    def of(self, credential_id: str) -> dict[tuple[str, str], int]:
        """Return a credential's, by audience and scope."""
        ...


class ScopeUse(msgspec.Struct, frozen=True):
    """When a key was last accepted for a scope."""

    audience: str
    scope: str
    last_used_at: int


def scopes_used(
    connection: Connection, key_id: str, noted: Mapping[tuple[str, str], int], now_us: int
) -> tuple[ScopeUse, ...]:
    """Return what a key used in the last 30 days, by audience and scope; ``noted`` may not be stored yet."""
    uses = scope_uses.of_key(connection, key_id, now_us - WITHIN_US)
    for place, at in noted.items():
        uses[place] = max(at, uses.get(place, 0))
    return tuple(ScopeUse(*place, at) for place, at in sorted(uses.items()))
