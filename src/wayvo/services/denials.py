"""Denied attempts at administration, on their way to the audit trail: counted, so that nobody can make it grow at will.

The first attempt of a credential at an operation is stored within seconds, its repetitions at most every ten minutes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from wayvo.core.actor import Actor
from wayvo.core.audit import AuditEvent
from wayvo.core.instants import SECOND_US
from wayvo.services.draw import Draw
from wayvo.store.database import Database, Transaction

REPEATED_US: Final = 600 * SECOND_US
PER_ORGANIZATION: Final = 100
"""So many attempts of an organization are told apart; the others are counted together."""
ORGANIZATIONS: Final = 1000
OTHER: Final = "other"

_Key = tuple[str, str, str]
_REST: Final[_Key] = ("", OTHER, OTHER)


class DeniedAttempts(msgspec.Struct, frozen=True):
    """What the trail says of them. Of several, the event's own address and request are the last one's."""

    code: str
    count: int
    first_at: int
    last_at: int


@dataclass(slots=True)
class _Counted:
    """Attempts that belong together, since they were last stored."""

    actor: Actor
    operation: str
    code: str
    due_at: int = 0
    count: int = 0
    first_at: int = 0
    last_at: int = 0


class Denials:
    """Counts what :meth:`note` is told, and stores it; both on the event loop."""

    def __init__(self, database: Database, draw: Draw) -> None:
        self._database = database
        self._draw = draw
        self._counted: dict[str, dict[_Key, _Counted]] = {}

    def note(self, actor: Actor, operation: str, code: str) -> None:
        """Note that ``actor`` was denied an operation, which the OpenAPI document names."""
        now = self._draw.clock()
        counted = self._entry(actor, operation, code)
        if counted is None:
            return
        if not counted.count:
            counted.first_at = now
        counted.actor, counted.last_at = actor, now
        counted.count += 1

    async def store(self, *, is_last: bool = False) -> None:
        """Store what is due (all that there is, at the end), one event each; keep what could not be stored."""
        now = self._draw.clock()
        due = [(counted, counted.count) for counted in self._due(now, is_last=is_last)]
        if due:
            events = [self._event(counted, now) for counted, _ in due]

            def job(transaction: Transaction) -> None:
                for event in events:
                    transaction.record(event)

            await self._database.write(job)
        for counted, stored in due:
            counted.count -= stored
            counted.first_at = counted.last_at
            counted.due_at = now + REPEATED_US
        self._forget(now)

    def _entry(self, actor: Actor, operation: str, code: str) -> _Counted | None:
        of_organization = self._counted.get(actor.organization_id)
        if of_organization is None:
            if len(self._counted) >= ORGANIZATIONS:
                return None
            of_organization = self._counted[actor.organization_id] = {}
        key = (actor.credential_id, operation, code)
        if key not in of_organization and len(of_organization) >= PER_ORGANIZATION:
            key = _REST
        if key not in of_organization:
            _, operation, code = (actor.credential_id, operation, code) if key != _REST else _REST
            of_organization[key] = _Counted(actor, operation, code)
        return of_organization[key]

    def _due(self, now_us: int, *, is_last: bool) -> Iterator[_Counted]:
        for of_organization in self._counted.values():
            for counted in of_organization.values():
                if counted.count and (is_last or counted.due_at <= now_us):
                    yield counted

    def _forget(self, now_us: int) -> None:
        """Forget what was not repeated."""
        for organization_id, of_organization in list(self._counted.items()):
            for key, counted in list(of_organization.items()):
                if not counted.count and counted.due_at <= now_us:
                    del of_organization[key]
            if not of_organization:
                del self._counted[organization_id]

    def _event(self, counted: _Counted, now_us: int) -> AuditEvent:
        attempts = DeniedAttempts(counted.code, counted.count, counted.first_at, counted.last_at)
        happening = self._draw.happening(counted.actor, now_us)
        return happening.event("access.denied", "operation", counted.operation, None, attempts)
