"""What clients of several nodes were told, and what a node may therefore still say.

A change counts from its acknowledgement. One that nobody answered may have happened or not, until it is asked for
again.
"""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final, Literal

SECONDS: Final = 60
"""How long anything may take that the test waits for."""

IN_FORCE_SECONDS: Final = 1.0
"""How long after its acknowledgement a revocation or a narrowing may be unknown to another node, whatever happens.

A database may die between a commit and its reading by the others: the nodes' ``WAYVO_STALE_SECONDS`` is to be 1."""

WIDE: Final = ("projects:read", "users:read")
NARROW: Final = ("projects:read",)
ASKED: Final = "users:read"
"""The scope that a key loses when it is narrowed."""

Change = Literal["revoke", "narrow", "rotate"]
_DENIALS: Final[dict[Change, str]] = {"revoke": "revoked", "narrow": "insufficient_scope"}


@dataclass(eq=False)
class Key:
    """A key as its client knows it. It has no secret if only the repetition of its creation was answered."""

    id: str
    secret: str | None
    scopes: tuple[str, ...] = WIDE
    successor_id: str | None = None
    asked: set[Change] = field(default_factory=set)
    """Changes that were asked for at least once."""
    acknowledged: dict[Change, float] = field(default_factory=dict)
    """Changes that were answered, with the moment."""

    def in_doubt(self, change: Change) -> bool:
        """Say whether a change may have happened or not."""
        return change in self.asked and change not in self.acknowledged


@dataclass
class Ledger:
    """All of it, with what is counted on the way."""

    keys: list[Key] = field(default_factory=list)
    doubtful_creations: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    slowest: dict[Change, float] = field(default_factory=lambda: dict.fromkeys(_DENIALS, 0.0))
    """The longest time after the acknowledgement that a node still said otherwise."""
    is_given_up: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)

    def count(self, event: str) -> None:
        """Count something that happened."""
        with self.changed:
            self.counts[event] += 1
            self.changed.notify_all()

    def give_up(self) -> None:
        """Wake who waits: a client has failed."""
        with self.changed:
            self.is_given_up = True
            self.changed.notify_all()

    def wait_for_answers(self, number: int) -> None:
        """Wait until so many requests more were answered, or a client has failed."""

        def answers() -> int:
            return self.counts["acknowledged"] + self.counts["verdicts"]

        with self.changed:
            wanted = answers() + number
            is_over = self.changed.wait_for(lambda: self.is_given_up or answers() >= wanted, SECONDS)
        assert is_over, f"the nodes answer nobody: {self.counts}"

    def judge(self, key: Key, code: str, asked_at: float, node: str) -> None:
        """See whether a node may say so of a key when it was asked at that moment."""
        self.count("verdicts")
        denials = {denial for change, denial in _DENIALS.items() if change in key.asked}
        if ASKED not in key.scopes:
            denials.add("insufficient_scope")
        if code != "valid":
            if code not in denials:
                self._refuse(key, f"{node} says {code}", asked_at)
            return
        if ASKED not in key.scopes:
            self._refuse(key, f"{node} says valid for what it never held", asked_at)
        for change, moment in list(key.acknowledged.items()):
            if change not in _DENIALS:
                continue
            late = asked_at - moment
            with self.changed:
                self.slowest[change] = max(self.slowest[change], late)
            if late > IN_FORCE_SECONDS:
                self._refuse(key, f"{node} says valid {late:.2f} s after the answer to {change}", asked_at)

    def _refuse(self, key: Key, said: str, asked_at: float) -> None:
        with self.changed:
            since = {change: round(asked_at - moment, 3) for change, moment in key.acknowledged.items()}
            self.violations.append(f"{key.id}: {said}; asked for {sorted(key.asked)}, acknowledged (s ago) {since}")

    def misfits(self, rows: dict[str, Any]) -> list[str]:
        """Return what of the database's rows (by id) is not what was acknowledged."""
        found = []
        for key in self.keys:
            row = rows.get(key.id)
            if row is None:
                found.append(f"{key.id} is lost")
                continue
            happened: dict[Change, bool] = {
                "revoke": row.revoked_at is not None,
                "narrow": row.scopes != key.scopes,
                "rotate": row.successor_id is not None,
            }
            for change, has_happened in happened.items():
                if has_happened != (change in key.acknowledged) and not key.in_doubt(change):
                    found.append(f"{key.id}: {change} has {'' if has_happened else 'not '}happened")
            if row.scopes not in (key.scopes, NARROW):
                found.append(f"{key.id} holds {row.scopes}")
            if "rotate" in key.acknowledged and row.successor_id != key.successor_id:
                found.append(f"{key.id} has another successor")
        return found


def now() -> float:
    """Return a moment that only grows."""
    return time.monotonic()
