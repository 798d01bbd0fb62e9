"""Denied attempts on their way to the audit trail: counted, bounded, and never lost while there is a database."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from sqlalchemy import select

from tests.contracts.engines import Opened, SqliteEngine, opened
from tests.harness.clock import TurnedClock
from wayvo.core.actor import Actor, Origin, Principal
from wayvo.services.denials import ORGANIZATIONS, PER_ORGANIZATION, Denials
from wayvo.services.draw import Draw
from wayvo.store.database import DatabaseBusy, Job
from wayvo.store.tables import audit_events

pytestmark = pytest.mark.anyio
T = TypeVar("T")


class Failing:
    """A database that is busy as long as it is told to be."""

    def __init__(self, there: Opened) -> None:
        self._there = there
        self.is_busy = True

    async def write(self, job: Job[T]) -> T:
        if self.is_busy:
            raise DatabaseBusy
        return await self._there.database.write(job)

    async def read(self, query: Callable[..., T]) -> T:
        return await self._there.database.read(query)


def actor(credential: str = "key_1", organization: str = "org_1") -> Actor:
    return Actor(
        Principal("user", "usr_1"), credential, organization, "prj_1", frozenset(), {}, origin=Origin("::1", "r")
    )


def new(there: Any, clock: TurnedClock) -> Denials:
    numbers = itertools.count()
    return Denials(there, Draw(clock, lambda length: next(numbers).to_bytes(length), "wv"))


def stored(there: Opened) -> list[tuple[str, str, int]]:
    """Return (credential, operation, count) of each event."""
    row = audit_events.c
    with there.engine.outside.connect() as connection:
        found = connection.execute(select(row.credential_id, row.target_id, row.after).order_by(row.id)).all()
    return [(one.credential_id, one.target_id, msgspec.json.decode(one.after)["count"]) for one in found]


async def test_repetitions_are_stored_every_ten_minutes_and_together(tmp_path: Path) -> None:
    clock = TurnedClock()
    async with opened(SqliteEngine(tmp_path / "wayvo.db")) as there:
        denials = new(there.database, clock)
        for _ in range(3):
            denials.note(actor(), "createProject", "insufficient_scope")
        await denials.store()
        assert stored(there) == [("key_1", "createProject", 3)]
        for _ in range(100):
            clock.turn(5)
            denials.note(actor(), "createProject", "insufficient_scope")
            await denials.store()
        assert len(stored(there)) == 1
        clock.turn(100)
        await denials.store()
        assert stored(there)[1:] == [("key_1", "createProject", 100)]
        # What is not repeated is forgotten.
        clock.turn(600)
        await denials.store()
        assert denials._counted == {}
        assert len(stored(there)) == 2


async def test_however_many_operations_an_organization_tries_rows_and_memory_are_bounded(tmp_path: Path) -> None:
    clock = TurnedClock()
    async with opened(SqliteEngine(tmp_path / "wayvo.db")) as there:
        denials = new(there.database, clock)
        for number in range(5000):
            denials.note(actor(f"key_{number}"), "createProject", "insufficient_scope")
            if number % 500 == 0:
                await denials.store()
        denials.note(actor("key_a", "org_2"), "createProject", "insufficient_scope")
        await denials.store(is_last=True)
        found = stored(there)
        assert len(found) <= PER_ORGANIZATION + 12
        assert sum(count for _, _, count in found) == 5001, "none goes uncounted"
        assert [count for credential, _, count in found if credential == "key_a"] == [1], "nor hides another's"
        for number in range(ORGANIZATIONS * 2):
            denials.note(actor(organization=f"org_{number}"), "createProject", "insufficient_scope")
        assert len(denials._counted) <= ORGANIZATIONS


async def test_what_could_not_be_stored_is_stored_the_next_time(tmp_path: Path) -> None:
    clock = TurnedClock()
    async with opened(SqliteEngine(tmp_path / "wayvo.db")) as there:
        failing = Failing(there)
        denials = new(failing, clock)
        denials.note(actor(), "createProject", "insufficient_scope")
        with pytest.raises(DatabaseBusy):
            await denials.store()
        failing.is_busy = False
        denials.note(actor(), "createProject", "insufficient_scope")
        await denials.store()
        assert stored(there) == [("key_1", "createProject", 2)]
