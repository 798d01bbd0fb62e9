"""What every engine promises as a :class:`wayvo.store.database.Database`."""

import asyncio
import itertools
import threading
from collections import Counter
from collections.abc import Sequence

import pytest
from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import IntegrityError

from tests.contracts.engines import NODE, DatabaseEngine, Gate, Opened, held, opened
from wayvo.core.change import Change
from wayvo.store.database import DatabaseBusy, DatabaseUnavailable, Transaction
from wayvo.store.group_commit import Limits
from wayvo.store.tables import key_brands, outbox

pytestmark = pytest.mark.anyio

RUNAWAYS = {
    "a query": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
    "an insert": "INSERT INTO key_brands (brand, created_at) "
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT 'one', count(*) FROM n",
}


class Poison(Exception):
    """What a job of ill will raises."""


class Row:
    """A job that stores one row and announces it; it counts how often it runs, and may raise at its end."""

    def __init__(self, name: str, failure: Exception | None = None) -> None:
        self.name = name
        self.change = Change("project", name, at=1)
        self.runs = 0
        self._failure = failure

    def __call__(self, transaction: Transaction) -> str:
        self.runs += 1
        transaction.connection.execute(key_brands.insert(), {"brand": self.name, "created_at": 1})
        transaction.announce(self.change)
        if self._failure is not None:
            raise self._failure
        return self.name


def rows(there: Opened) -> list[str]:
    """Return the rows that are committed."""
    return there.committed(select(key_brands.c.brand).order_by(key_brands.c.brand))


def announced(there: Opened) -> list[str]:
    """Return the subjects in the outbox, in order."""
    return there.committed(select(outbox.c.subject).order_by(outbox.c.sequence))


def count(connection: Connection) -> int:
    counted: int = connection.execute(select(func.count()).select_from(key_brands)).scalar_one()
    return counted


async def write_as_one_batch(there: Opened, jobs: Sequence[Row]) -> list[str | BaseException]:
    """Return what each caller got."""
    async with held(there.database):
        tasks = [asyncio.create_task(there.database.write(job)) for job in jobs]
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_write_returns_its_result_once_it_is_committed(engine: DatabaseEngine) -> None:
    async with opened(engine) as there:
        assert await there.database.write(Row("one")) == "one"
        assert rows(there) == ["one"]


async def test_every_read_sees_every_write_that_was_acknowledged_before_it(engine: DatabaseEngine) -> None:
    async with opened(engine) as there:
        for written in range(1, 40):
            await there.database.write(Row(f"row {written}"))
            assert await asyncio.gather(*(there.database.read(count) for _ in range(4))) == [written] * 4


async def test_a_read_sees_one_moment_and_holds_no_writer_up(engine: DatabaseEngine) -> None:
    gate = Gate()

    def twice(connection: Connection) -> tuple[int, int]:
        before = count(connection)
        gate.pass_through()
        return before, count(connection)

    async with opened(engine) as there:
        reading = asyncio.create_task(there.database.read(twice))
        await gate.entered()
        await there.database.write(Row("one"))
        gate.open()
        assert await reading == (0, 0)


async def test_a_read_that_fails_halfway_leaves_no_later_one_in_the_past(engine: DatabaseEngine) -> None:
    async with opened(engine) as there:
        for name in ("one", "two"):
            await there.database.write(Row(name))

        def fail_halfway(connection: Connection) -> None:
            unread = connection.execute(select(key_brands.c.brand))
            raise Poison(unread)

        # Whoever keeps the exception, in a log or a task, keeps the statement that was not read to its end.
        failures = await asyncio.gather(*(there.database.read(fail_halfway) for _ in range(20)), return_exceptions=True)
        assert {type(failure) for failure in failures} == {Poison}
        await there.database.write(Row("three"))
        assert {await there.database.read(count) for _ in range(20)} == {3}


async def test_a_read_can_write_nothing(engine: DatabaseEngine) -> None:
    async with opened(engine) as there:
        with pytest.raises(DatabaseUnavailable):
            await there.database.read(lambda connection: Row("one")(Transaction(connection)))
        assert rows(there) == []


async def test_a_job_that_raises_leaves_nothing_and_its_caller_gets_what_it_raised(engine: DatabaseEngine) -> None:
    poison = Poison("as it was")
    async with opened(engine) as there:
        with pytest.raises(Poison) as raised:
            await there.database.write(Row("one", poison))
        assert raised.value is poison
        assert (rows(there), announced(there), there.published) == ([], [], [])


async def test_a_poisoned_job_fails_alone_and_its_neighbours_commit_exactly_once(engine: DatabaseEngine) -> None:
    jobs = [Row(f"row {number}", Poison() if number == 5 else None) for number in range(9)]
    good = [job.name for job in jobs if job.name != "row 5"]
    async with opened(engine) as there:
        answers = await write_as_one_batch(there, jobs)
        assert [answer for answer in answers if isinstance(answer, str)] == good
        assert isinstance(answers[5], Poison)
        assert rows(there) == announced(there) == [change.subject for change in there.published] == good
    # Those before the culprit ran again, so that they are in no transaction that was rolled back.
    assert [job.runs for job in jobs[:5]] == [2] * 5
    assert max(job.runs for job in jobs) <= 3


async def test_a_statement_that_fails_poisons_no_neighbour(engine: DatabaseEngine) -> None:
    jobs = [Row("one"), Row("two"), Row("two"), Row("three")]
    async with opened(engine) as there:
        answers = await write_as_one_batch(there, jobs)
        assert [type(answer) for answer in answers] == [str, str, IntegrityError, str]
        assert rows(there) == ["one", "three", "two"]
        assert announced(there) == [change.subject for change in there.published] == ["one", "two", "three"]


async def test_when_a_commit_fails_nobody_is_told_of_a_success_that_did_not_last(engine: DatabaseEngine) -> None:
    jobs = [Row(f"row {number}") for number in range(5)]
    # No engine can store this, which only shows when all jobs have run.
    jobs[2].change = Change("project", "\ud800", at=1)
    async with opened(engine) as there:
        answers = await write_as_one_batch(there, jobs)
        assert isinstance(answers[2], UnicodeEncodeError)
        told = [answer for answer in answers if isinstance(answer, str)]
        assert rows(there) == told == announced(there) == [change.subject for change in there.published]
        assert await there.database.write(Row("afterwards")) == "afterwards"


async def test_a_batch_of_nothing_but_poison_fails_each_caller_with_its_own_failure(engine: DatabaseEngine) -> None:
    poisons = [Poison(str(number)) for number in range(7)]
    jobs = [Row(f"row {number}", poison) for number, poison in enumerate(poisons)]
    async with opened(engine) as there:
        assert await write_as_one_batch(there, jobs) == poisons
        assert (rows(there), announced(there), there.published) == ([], [], [])
        assert await there.database.write(Row("afterwards")) == "afterwards"
    assert max(job.runs for job in jobs) <= 3


async def test_whichever_jobs_of_a_batch_are_poisoned_the_others_happen_exactly_once(engine: DatabaseEngine) -> None:
    async with opened(engine) as there:
        for pattern in itertools.product((False, True), repeat=5):
            label = "".join("x" if is_poisoned else "." for is_poisoned in pattern)
            jobs = [Row(f"{label} {at}", Poison() if is_bad else None) for at, is_bad in enumerate(pattern)]
            answers = await write_as_one_batch(there, jobs)
            assert [isinstance(answer, Poison) for answer in answers] == list(pattern)
            good = [job.name for job, is_bad in zip(jobs, pattern, strict=True) if not is_bad]
            assert [name for name in rows(there) if name.startswith(label)] == good
            assert [name for name in announced(there) if name.startswith(label)] == good
            assert [change.subject for change in there.published if change.subject.startswith(label)] == good
            assert max(job.runs for job in jobs) <= 3


async def test_a_change_is_published_after_its_commit_and_before_its_caller_hears(engine: DatabaseEngine) -> None:
    happened: list[str] = []
    async with opened(engine) as there:
        there.on_publish = lambda change: happened.append(f"published, committed: {change.subject in rows(there)}")
        await there.database.write(Row("one"))
        happened.append("answered")
    assert happened == ["published, committed: True", "answered"]


async def test_the_outbox_says_which_node_changed_what_and_when(engine: DatabaseEngine) -> None:
    async with opened(engine) as there:
        await there.database.write(lambda transaction: transaction.announce(Change("credential", "ab", at=17)))
        with engine.outside.connect() as connection:
            found = connection.execute(select(outbox)).all()
    assert [(row.node, row.kind, row.subject, row.created_at) for row in found] == [(NODE, "credential", "ab", 17)]


async def test_changes_are_published_in_the_order_of_the_outbox(engine: DatabaseEngine) -> None:
    async with opened(engine) as there:
        await asyncio.gather(*(there.database.write(Row(f"row {number}")) for number in range(200)))
        assert len(there.published) == 200
        assert [change.subject for change in there.published] == announced(there)


async def test_a_job_whose_client_went_away_before_its_turn_does_not_run(engine: DatabaseEngine) -> None:
    gone, staying = Row("gone"), Row("staying")
    async with opened(engine) as there:
        async with held(there.database):
            tasks = [asyncio.create_task(there.database.write(job)) for job in (gone, staying)]
            await asyncio.sleep(0)
            tasks[0].cancel()
            with pytest.raises(asyncio.CancelledError):
                await tasks[0]
        assert await tasks[1] == "staying"
        assert rows(there) == announced(there) == ["staying"]
    assert gone.runs == 0


async def test_a_job_whose_client_goes_away_while_it_runs_is_committed_and_published(engine: DatabaseEngine) -> None:
    gate, job = Gate(), Row("one")

    def slowly(transaction: Transaction) -> None:
        job(transaction)
        gate.pass_through()

    async with opened(engine) as there:
        task = asyncio.create_task(there.database.write(slowly))
        await gate.entered()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gate.open()
        await there.database.write(Row("two"))
        assert rows(there) == ["one", "two"]
        assert [change.subject for change in there.published] == ["one", "two"]


async def test_a_full_queue_refuses_at_once_and_recovers(engine: DatabaseEngine) -> None:
    async with opened(engine, Limits(waiting_writes=3)) as there:
        async with held(there.database):
            tasks = [asyncio.create_task(there.database.write(Row(name))) for name in ("one", "two")]
            await asyncio.sleep(0)
            # The gate's own job is the third: the writer still stands in it when this is refused.
            with pytest.raises(DatabaseBusy):
                await there.database.write(Row("too many"))
        assert await asyncio.gather(*tasks) == ["one", "two"]
        assert await there.database.write(Row("later")) == "later"
        assert rows(there) == ["later", "one", "two"]


async def test_a_job_that_waited_too_long_is_refused_and_does_not_run(engine: DatabaseEngine) -> None:
    job = Row("late")
    async with opened(engine, Limits(queue_seconds=0)) as there:
        with pytest.raises(DatabaseBusy):
            await there.database.write(job)
        assert rows(there) == []
    assert job.runs == 0


@pytest.mark.parametrize("runaway", RUNAWAYS)
async def test_a_job_over_its_time_is_stopped_and_its_neighbours_commit(engine: DatabaseEngine, runaway: str) -> None:
    def run_away(transaction: Transaction) -> None:
        Row("half done")(transaction)
        transaction.connection.execute(text(RUNAWAYS[runaway]))

    async with opened(engine, Limits(job_seconds=0.5)) as there:
        async with held(there.database):
            before = asyncio.create_task(there.database.write(Row("before")))
            running = asyncio.create_task(there.database.write(run_away))
            after = asyncio.create_task(there.database.write(Row("after")))
        assert [await before, await after] == ["before", "after"]
        with pytest.raises(DatabaseBusy):
            await running
        assert rows(there) == ["after", "before"]
        assert [change.subject for change in there.published] == announced(there) == ["before", "after"]


async def test_a_query_over_its_time_is_stopped_and_the_next_one_is_answered(engine: DatabaseEngine) -> None:
    def run_away(connection: Connection) -> None:
        connection.execute(text(RUNAWAYS["a query"]))

    async with opened(engine, Limits(read_seconds=0.5)) as there:
        # As many as there are readers, and one more: each of them recovers.
        answers = await asyncio.gather(*(there.database.read(run_away) for _ in range(4)), return_exceptions=True)
        assert [type(answer) for answer in answers] == [DatabaseBusy] * 4
        assert await asyncio.gather(*(there.database.read(count) for _ in range(4))) == [0] * 4


async def test_a_full_queue_of_reads_refuses_at_once_and_recovers(engine: DatabaseEngine) -> None:
    gate = Gate()
    async with opened(engine, Limits(waiting_reads=2)) as there:
        reading = [asyncio.create_task(there.database.read(lambda _: gate.pass_through())) for _ in range(2)]
        await gate.entered()
        with pytest.raises(DatabaseBusy):
            await there.database.read(count)
        gate.open()
        await asyncio.gather(*reading)
        assert await there.database.read(count) == 0


async def test_closing_finishes_what_was_accepted_and_refuses_what_comes_after(engine: DatabaseEngine) -> None:
    async with opened(engine) as there:
        async with held(there.database):
            accepted = [asyncio.create_task(there.database.write(Row(f"row {number}"))) for number in range(5)]
            await asyncio.sleep(0)
            closing = asyncio.create_task(there.database.close())
            await asyncio.sleep(0)
            with pytest.raises(DatabaseUnavailable):
                await there.database.write(Row("too late"))
            with pytest.raises(DatabaseUnavailable):
                await there.database.read(count)
        assert len(await asyncio.gather(*accepted)) == 5
        await closing
        assert len(rows(there)) == len(announced(there)) == len(there.published) == 5


async def test_jobs_run_on_no_thread_of_the_event_loop_and_one_at_a_time(engine: DatabaseEngine) -> None:
    threads: Counter[int] = Counter()
    inside = threading.Semaphore(1)

    def job(_: Transaction) -> None:
        assert inside.acquire(blocking=False), "two jobs at once"
        threads[threading.get_ident()] += 1
        inside.release()

    async with opened(engine) as there:
        await asyncio.gather(*(there.database.write(job) for _ in range(100)))
    assert threading.get_ident() not in threads
    assert threads.total() == 100
