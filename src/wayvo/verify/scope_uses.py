"""Which scopes each credential needed when it was accepted: noted in memory, stored by a job. Lossy across a crash.

Only what is declared, held and asked for comes here, of credentials that exist: no stranger makes anything grow.
"""

from collections.abc import Collection, Mapping
from typing import Final

MAX_NOTED: Final = 100_000
"""What is noted between two drains, of all credentials together."""
MAX_NOTED_OF_ONE: Final = 50
"""Of one credential: who asks in ever new combinations takes no room from others."""

MAX_TOGETHER: Final = 8
"""So many scopes are noted as they were asked for; more are noted one by one, or one question could take a megabyte."""

Scopes = tuple[str, ...]
"""What was asked for together."""
Noted = dict[str, dict[Scopes, int]]
"""Instants by audience and what was asked for there."""
ScopeUse = tuple[str, str, str, int]
"""A credential's id, an audience, a scope of it, and when it was used."""


class ScopeUses:
    """Uses since the last :meth:`drain`. The instant is that of the first in this time, not of each."""

    def __init__(self) -> None:
        self._noted: dict[str, Noted] = {}
        self._drained: dict[str, Noted] = {}
        self._room = MAX_NOTED

    def note(self, credential_id: str, audience: str, scopes: Collection[str], now_us: int) -> None:
        """Note that a credential was accepted for ``scopes``. Hot path: mostly these are noted already."""
        if len(scopes) <= MAX_TOGETHER:
            self._note(credential_id, audience, tuple(scopes), now_us)
        else:
            for scope in set(scopes):
                self._note(credential_id, audience, (scope,), now_us)

    def _note(self, credential_id: str, audience: str, asked: Scopes, now_us: int) -> None:
        noted = self._noted.get(credential_id)
        if noted is not None and asked in noted.get(audience, _NOTHING):
            return
        if self._room > 0 and (noted is None or sum(map(len, noted.values())) < MAX_NOTED_OF_ONE):
            self._noted.setdefault(credential_id, {}).setdefault(audience, {})[asked] = now_us
            self._room -= 1

    def of(self, credential_id: str) -> dict[tuple[str, str], int]:
        """Return the uses of one credential that may not be stored yet, by audience and scope."""
        return _latest(self._drained.get(credential_id, {}), self._noted.get(credential_id, {}))

    def drain(self) -> list[ScopeUse]:
        """Return the noted uses; the next drain forgets them, by which time they are stored."""
        self._drained, self._noted = self._noted, {}
        self._room = MAX_NOTED
        return [
            (credential_id, audience, scope, at)
            for credential_id, noted in self._drained.items()
            for (audience, scope), at in _latest(noted).items()
        ]


_NOTHING: Final[Mapping[Scopes, int]] = {}


def _latest(*notes: Noted) -> dict[tuple[str, str], int]:
    uses: dict[tuple[str, str], int] = {}
    for noted in notes:
        for audience, asked in noted.items():
            for scopes, at in asked.items():
                for scope in scopes:
                    uses[audience, scope] = max(at, uses.get((audience, scope), 0))
    return uses
