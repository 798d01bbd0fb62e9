"""From what a request presents to a decision. Both doors and the management API come through here.

A handler first tries with what is in memory; what is missing it asks for as :class:`Missing`, to be called again.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Final

import msgspec

from wayvo.core.credentials.digest import Digester
from wayvo.core.credentials.format import MAX_KEY_LENGTH, is_well_formed
from wayvo.core.decision import Code
from wayvo.core.instants import Clock
from wayvo.verify.cache import Cache, Known
from wayvo.verify.filler import Filler
from wayvo.verify.foreign import ForeignKeys
from wayvo.verify.judge import MALFORMED, UNAVAILABLE, Decision, Question, judge, judge_for
from wayvo.verify.meter import Meter
from wayvo.verify.scope_uses import ScopeUses
from wayvo.verify.snapshot import Snapshot

Loaded = Mapping[bytes, Known]
NOTHING_LOADED: Final[Loaded] = {}


class Missing(msgspec.Struct, frozen=True, gc=False):
    """A credential that is not in memory: its digest, and what was presented. Its ``repr`` shows neither."""

    digest: bytes
    credential: bytes

    def __repr__(self) -> str:
        return "Missing()"


class Verifier:
    """Decides about presented credentials."""

    def __init__(
        self,
        *,
        prefixes: frozenset[bytes],
        digester: Digester,
        cache: Cache,
        filler: Filler,
        meter: Meter,
        clock: Clock,
        may_trust: Callable[[], bool],
        foreign: ForeignKeys | None = None,
        scope_uses: ScopeUses | None = None,
    ) -> None:
        self._prefixes = prefixes
        self._digester = digester
        self._cache = cache
        self._filler = filler
        self._meter = meter
        self._scope_uses = ScopeUses() if scope_uses is None else scope_uses
        self._clock = clock
        self._foreign = ForeignKeys() if foreign is None else foreign
        self.may_trust = may_trust
        """Says whether all that others changed is known here; without that nothing is decided."""

    def look_up(self, credential: bytes, loaded: Loaded, *, fresh: bool = False) -> Known | Missing | None:
        """Return what is known of a credential, ``None`` if it is malformed; ``fresh`` distrusts the cache."""
        if len(credential) > MAX_KEY_LENGTH:
            return None
        digest = self._digester(credential)
        known = loaded.get(digest)
        if known is None and not fresh:
            known = self._cache.get(digest)
        if known is not None:
            return known
        # What is known is well-formed; only what is not may be a mistyped or a made-up one, which is not looked for.
        if is_well_formed(credential, self._prefixes):
            return Missing(digest, credential)
        matches = self._foreign.matches
        return None if matches is None or matches(credential) is None else Missing(digest, credential)

    def moment(self) -> int | None:
        """Return the moment to decide for, which is now; ``None`` if nothing may be decided now."""
        return self._clock() if self.may_trust() else None

    def decide(self, known: Known | None, question: Question, now_us: int) -> Decision:
        """Decide about a credential presented to ask for something itself."""
        return MALFORMED if known is None else judge(known, question, now_us)

    def decide_for(self, verifier: Snapshot, known: Known | None, question: Question, now_us: int) -> Decision:
        """Decide about a credential that ``verifier`` asks about."""
        return MALFORMED if known is None else judge_for(verifier, known, question, now_us)

    def note_use(
        self, snapshot: Snapshot, address: str | None, audience: str, needed: Collection[str], now_us: int
    ) -> None:
        """Note that a credential was accepted, from where, and which scopes that took."""
        self._meter.note(snapshot.credential_id, now_us, address)
        if needed:
            self._scope_uses.note(snapshot.credential_id, audience, needed, now_us)

    def record(self, decision: Decision, question: Question, now_us: int) -> None:
        """Count a decision, and note the use of an accepted credential."""
        self._meter.count(decision.code)
        if decision.code is Code.VALID and decision.snapshot is not None:
            self.note_use(decision.snapshot, question.address, question.audience, decision.needed, now_us)

    async def load(self, missing: Missing) -> Loaded:
        """Read a missing credential."""
        return await self._filler.load({missing.digest: missing.credential})

    async def ask(self, credential: bytes, question: Question, *, is_noted: bool = True) -> Decision:
        """Decide about a presented credential, reading it if need be, and note its use unless that was noted before."""
        if not self.may_trust():
            return UNAVAILABLE
        known = self.look_up(credential, NOTHING_LOADED)
        if isinstance(known, Missing):
            known = (await self.load(known))[known.digest]
        now_us = self.moment()
        if now_us is None:
            return UNAVAILABLE
        decision = self.decide(known, question, now_us)
        if is_noted:
            self.record(decision, question, now_us)
        return decision
