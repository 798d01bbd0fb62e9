"""What runs beside the requests: its turns, its failures, and what it leaves in the database."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, func, select

from tests.contracts.things import NOW, digest, store_key, store_organization, store_project
from wayvo.core.change import Change
from wayvo.core.instants import DAY_US
from wayvo.core.organizations import Project
from wayvo.jobs import last_uses
from wayvo.jobs.last_uses import store_last_uses
from wayvo.jobs.runner import Job, running
from wayvo.jobs.sweep import BATCH, OUTBOX_KEPT_US, sweep
from wayvo.store import idempotency, outbox
from wayvo.store.database import Transaction
from wayvo.store.idempotency import StoredAnswer
from wayvo.store.sqlite import SqliteDatabase, prepare_sqlite
from wayvo.store.tables import api_keys, idempotency_keys
from wayvo.verify.meter import Meter

T = TypeVar("T")


class Turns:
    """A job's step that counts its turns; it fails where the test says so."""

    def __init__(self, failing: frozenset[int] = frozenset()) -> None:
        self.count = 0
        self._failing = failing
        self._changed = asyncio.Event()

    async def step(self) -> None:
        self.count += 1
        self._changed.set()
        if self.count in self._failing:
            raise ConnectionError(f"turn {self.count}")

    async def wait_for(self, count: int) -> None:
        async with asyncio.timeout(30):
            while self.count < count:
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[SqliteDatabase]:
    """Open an empty database."""
    prepare_sqlite(path / "wayvo.db")
    database = SqliteDatabase(path / "wayvo.db", lambda _: None, node="node")
    try:
        yield database
    finally:
        await database.close()


def run_on(path: Path, steps: Callable[[SqliteDatabase], Awaitable[T]]) -> T:
    """Run ``steps`` on an empty database."""

    async def run() -> T:
        async with opened(path) as database:
            return await steps(database)

    return asyncio.run(run())


def founded(connection: Connection) -> Project:
    return store_project(connection, store_organization(connection))


def counted(connection: Connection, *conditions: Any) -> int:
    found: int = connection.execute(select(func.count()).select_from(api_keys).where(*conditions)).scalar_one()
    return found


def test_a_job_has_turn_after_turn_and_one_more_at_the_end() -> None:
    async def run() -> tuple[int, int]:
        turns = Turns()
        async with running([Job("turn", 0, turns.step)]):
            await turns.wait_for(3)
            seen = turns.count
        return seen, turns.count

    before, after = asyncio.run(run())
    assert after >= before + 1


def test_a_job_whose_first_turn_has_not_come_has_one_at_the_end() -> None:
    async def run() -> int:
        turns = Turns()
        async with running([Job("turn", 3600, turns.step)]):
            await asyncio.sleep(0)
            assert turns.count == 0
        return turns.count

    assert asyncio.run(run()) == 1


def test_a_job_that_fails_has_its_next_turn_all_the_same_and_the_log_tells(capsys: pytest.CaptureFixture[str]) -> None:
    async def run() -> int:
        turns = Turns(failing=frozenset({1, 2}))
        async with running([Job("a fragile one", 0, turns.step)]):
            await turns.wait_for(4)
        return turns.count

    assert asyncio.run(run()) >= 4
    said = capsys.readouterr().out
    assert "a fragile one" in said
    assert "turn 1" in said
    assert "turn 2" in said


def test_one_jobs_failure_at_the_end_keeps_no_other_from_its_last_turn() -> None:
    async def run() -> int:
        failing, turns = Turns(failing=frozenset({1})), Turns()
        async with running([Job("failing", 3600, failing.step), Job("other", 3600, turns.step)]):
            pass
        return turns.count

    assert asyncio.run(run()) == 1


def test_the_sweeper_marks_every_expired_key_however_many_and_no_other(tmp_path: Path) -> None:
    def store(transaction: Transaction) -> None:
        project = founded(transaction.connection)
        for number in range(2 * BATCH + 7):
            store_key(transaction.connection, project, expires_at=NOW - number)
        store_key(transaction.connection, project, expires_at=NOW + 1)
        store_key(transaction.connection, project)

    async def steps(database: SqliteDatabase) -> tuple[int, int]:
        await database.write(store)
        await sweep(database, lambda: NOW)
        return await database.read(
            lambda connection: (
                counted(connection, api_keys.c.ended_at.is_not(None)),
                counted(connection, api_keys.c.ended_at.is_(None)),
            )
        )

    assert run_on(tmp_path, steps) == (2 * BATCH + 7, 2)


def test_the_sweeper_works_in_batches_that_let_others_write_between_them(tmp_path: Path) -> None:
    def store(transaction: Transaction) -> None:
        project = founded(transaction.connection)
        for number in range(3 * BATCH):
            store_key(transaction.connection, project, expires_at=NOW - number)

    async def steps(database: SqliteDatabase) -> list[int]:
        await database.write(store)
        sweeping = asyncio.create_task(sweep(database, lambda: NOW))
        seen = []
        while not sweeping.done():
            swept = await database.write(
                lambda transaction: counted(transaction.connection, api_keys.c.ended_at.is_not(None))
            )
            seen.append(swept)
        return seen

    seen = run_on(tmp_path, steps)
    assert set(seen) & {BATCH, 2 * BATCH}, seen
    assert all(swept % BATCH == 0 for swept in seen)


def test_the_sweeper_forgets_old_answers_and_old_outbox_rows_and_nothing_else(tmp_path: Path) -> None:
    def store(transaction: Transaction) -> None:
        connection = transaction.connection
        kept = StoredAnswer(digest(1), b"{}")
        for number in range(BATCH + 3):
            idempotency.claim(connection, "key_1", digest(number), kept, NOW - DAY_US, NOW - number)
        idempotency.claim(connection, "key_2", digest(0), kept, NOW, NOW + 1)
        old = NOW - OUTBOX_KEPT_US
        outbox.insert(connection, "other", [Change("project", "old", at=old - 1)] * (BATCH + 3))
        outbox.insert(connection, "other", [Change("project", "young", at=old)])

    async def steps(database: SqliteDatabase) -> tuple[list[str], list[str]]:
        await database.write(store)
        await sweep(database, lambda: NOW)
        return await database.read(
            lambda connection: (
                list(connection.execute(select(idempotency_keys.c.credential_id)).scalars()),
                [row.change.subject for row in outbox.after(connection, 0, 10_000)],
            )
        )

    assert run_on(tmp_path, steps) == (["key_2"], ["young"])


def test_last_uses_are_stored_however_many_there_are(tmp_path: Path) -> None:
    count = last_uses.BATCH + 50

    async def steps(database: SqliteDatabase) -> tuple[int, int]:
        def store(transaction: Transaction) -> list[str]:
            project = founded(transaction.connection)
            return [store_key(transaction.connection, project).id for _ in range(count)]

        meter = Meter()
        for key_id in await database.write(store):
            meter.note(key_id, NOW, "203.0.113.7")
        await store_last_uses(database, meter)
        stored = await database.read(
            lambda connection: counted(
                connection, api_keys.c.last_used_at == NOW, api_keys.c.last_used_network == "203.0.113.7"
            )
        )
        before = database.statistics.jobs
        # With nothing noted there is nothing to write.
        await store_last_uses(database, meter)
        return stored, database.statistics.jobs - before

    assert run_on(tmp_path, steps) == (count, 0)
