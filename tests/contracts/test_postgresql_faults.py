"""PostgreSQL fails at the worst moments: every job happens exactly once or not at all, and its caller hears which."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import OperationalError

from tests.contracts.engines import Gate, Opened, PostgresqlEngine, held, opened
from tests.contracts.test_database import Row, announced, count, rows
from tests.harness.crashing_postgresql import crashing_postgresql, persistently
from tests.harness.postmaster import Postmaster
from tests.harness.proxy import COMMIT, SECONDS, Link, Proxy, eventually
from wayvo.store import outbox
from wayvo.store.database import DatabaseBusy, DatabaseUnavailable, OutcomeUnknown, Transaction
from wayvo.store.group_commit import Limits
from wayvo.store.schema import migrate
from wayvo.store.tables import key_brands

pytestmark = [pytest.mark.anyio, pytest.mark.needs("postgresql")]

NODES = ("node-a", "node-b")
FATE = b"RETURNING last_batches.batch"
NAMES = ["a", "b", "c"]
OTHERS = ["x", "y", "z"]


@pytest.fixture
def proxy(postgresql_engine: PostgresqlEngine) -> Iterator[Proxy]:
    """A wire to the test's database."""
    with Proxy(postgresql_engine.url) as wire:
        yield wire


@pytest.fixture
def wired(postgresql_engine: PostgresqlEngine, proxy: Proxy) -> PostgresqlEngine:
    """An engine whose databases work through the wire."""
    return PostgresqlEngine(postgresql_engine.url, through=proxy.url)


def kill_connections(engine: PostgresqlEngine) -> int:
    """End every connection to the database but one's own; return how many there were."""
    statement = text(
        "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    with engine.outside.connect() as connection:
        killed: int = connection.execute(statement).scalar_one()
        return killed


def waiting_for_locks(engine: PostgresqlEngine) -> int:
    """Return how many connections wait for another's lock."""
    statement = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with engine.outside.connect() as connection:
        waiting: int = connection.execute(statement).scalar_one()
        return waiting


async def test_a_connection_that_was_killed_while_nobody_used_it_is_not_noticed(
    postgresql_engine: PostgresqlEngine,
) -> None:
    async with opened(postgresql_engine) as there:
        await there.database.write(Row("before"))
        assert await there.database.read(count) == 1
        assert kill_connections(postgresql_engine) >= 2
        assert await there.database.write(Row("after")) == "after"
        assert await there.database.read(count) == 2
    assert rows(there) == announced(there)[::-1] == ["after", "before"]


async def test_a_batch_whose_connection_is_killed_in_the_middle_happens_once(
    postgresql_engine: PostgresqlEngine,
) -> None:
    first, last, gate = Row("one"), Row("two"), Gate()
    async with opened(postgresql_engine) as there:
        async with held(there.database):
            writing = [asyncio.create_task(there.database.write(job)) for job in (first, gate, last)]
        await gate.entered()
        assert kill_connections(postgresql_engine) >= 1
        gate.open()
        assert await asyncio.gather(*writing) == ["one", None, "two"]
    assert rows(there) == announced(there) == [change.subject for change in there.published] == ["one", "two"]
    assert first.runs == 2, "the killed transaction was not run again"


async def test_a_query_whose_connection_is_killed_is_run_again(postgresql_engine: PostgresqlEngine) -> None:
    gate = Gate()

    def query(connection: Connection) -> int:
        before = count(connection)
        gate.pass_through()
        return before + count(connection)

    async with opened(postgresql_engine) as there:
        await there.database.write(Row("one"))
        reading = asyncio.create_task(there.database.read(query))
        await gate.entered()
        kill_connections(postgresql_engine)
        gate.open()
        assert await reading == 2


class Fate:
    """What befalls one ``COMMIT`` on the wire: the first one after rows were written."""

    def __init__(self, proxy: Proxy) -> None:
        self.has_struck = threading.Event()
        self._was_asked = threading.Event()
        self._has_written = False
        proxy.watch = self._watch

    def strike(self, link: Link, commit: bytes) -> bool:
        """Do it; called on the connection's own thread. Say whether ``commit`` is to be sent on."""
        raise NotImplementedError

    def until_asked(self) -> None:
        """Wait until the writer asks the server what became of its transaction."""
        assert self._was_asked.wait(SECONDS), "nobody asked for the transaction's fate"

    def _watch(self, link: Link, sent: bytes) -> bool:
        self._has_written = self._has_written or b"INSERT INTO outbox" in sent
        if FATE in sent:
            self._was_asked.set()
        if COMMIT not in sent or not self._has_written or self.has_struck.is_set():
            return True
        self.has_struck.set()
        return self.strike(link, sent)


class NeverArrives(Fate):
    """The connection is lost with the commit on its way."""

    def strike(self, link: Link, commit: bytes) -> bool:
        link.cut()
        return False


class AnswerIsLost(Fate):
    """The server commits, and the connection is lost with its answer."""

    def strike(self, link: Link, commit: bytes) -> bool:
        link.send_and_await_the_answer(commit)
        link.cut()
        return False


class ArrivesLate(Fate):
    """The writer loses the connection, and the commit arrives only after it has begun to ask what became of it."""

    def strike(self, link: Link, commit: bytes) -> bool:
        link.deafen()
        self.until_asked()
        return True


class IsLostLate(Fate):
    """The writer loses the connection, and the server does so only after it was asked what became of the commit."""

    def strike(self, link: Link, commit: bytes) -> bool:
        link.deafen()
        self.until_asked()
        link.cut()
        return False


@pytest.mark.parametrize(("befalls", "runs"), [(NeverArrives, 2), (AnswerIsLost, 1), (ArrivesLate, 1), (IsLostLate, 2)])
async def test_a_batch_whose_connection_is_lost_during_its_commit_happens_once(
    wired: PostgresqlEngine, proxy: Proxy, befalls: type[Fate], runs: int
) -> None:
    jobs = [Row(name) for name in NAMES]
    async with opened(wired) as there:
        fate = befalls(proxy)
        async with held(there.database):
            writing = [asyncio.create_task(there.database.write(job)) for job in jobs]
        assert await asyncio.gather(*writing) == NAMES
    assert fate.has_struck.is_set()
    assert rows(there) == announced(there) == [change.subject for change in there.published] == NAMES
    assert [job.runs for job in jobs] == [runs] * 3


async def test_a_batch_that_a_crash_has_undone_is_not_taken_for_what_others_committed_after_the_recovery() -> None:
    with crashing_postgresql() as server, Proxy(server.url) as proxy:
        direct = PostgresqlEngine(server.url)
        migrate(direct.outside)

        class IsUndone(Fate):
            """The server crashes before it has anything of the transaction on its disk, and gives its number away."""

            def strike(self, link: Link, commit: bytes) -> bool:
                proxy.refuse()
                server.kill()
                server.start()
                for name in OTHERS:
                    persistently(partial(self._write, name), OperationalError)
                proxy.mend()
                return False

            def _write(self, name: str) -> None:
                with direct.outside.begin() as connection:
                    connection.execute(key_brands.insert(), {"brand": name, "created_at": 1})

        async with opened(PostgresqlEngine(server.url, through=proxy.url)) as there:
            fate = IsUndone(proxy)
            try:
                written = [await there.database.write(Row("one"))]
            except DatabaseUnavailable:
                # The server took longer to come back than a writer waits.
                written = []
            assert fate.has_struck.is_set()
            assert rows(there) == [*written, *OTHERS]


@pytest.mark.parametrize(("befalls", "stored"), [(NeverArrives, []), (AnswerIsLost, ["one"])])
async def test_who_can_not_be_told_whether_it_happened_is_told_just_that_and_the_caches_forget(
    wired: PostgresqlEngine, proxy: Proxy, befalls: type[Fate], stored: list[str]
) -> None:
    async with opened(wired) as there:
        fate = befalls(proxy)
        strike = fate.strike

        def and_stays_away(link: Link, commit: bytes) -> bool:
            proxy.refuse()
            return strike(link, commit)

        fate.strike = and_stays_away  # type: ignore[method-assign] # a test's own
        with pytest.raises(OutcomeUnknown):
            await there.database.write(Row("one"))
        assert rows(there) == stored
        assert [change.subject for change in there.published] == ["one"]
        proxy.mend()
        assert await there.database.write(Row("two")) == "two"


async def test_while_the_server_can_not_be_reached_everybody_is_told_so_and_then_all_goes_on(
    wired: PostgresqlEngine, proxy: Proxy
) -> None:
    job = Row("lost")
    async with opened(wired) as there:
        await there.database.write(Row("before"))
        proxy.cut()
        with pytest.raises(DatabaseUnavailable) as told:
            await there.database.write(job)
        assert not isinstance(told.value, OutcomeUnknown), "it is known that nothing was written"
        with pytest.raises(DatabaseUnavailable):
            await there.database.read(count)
        assert job.runs == 0
        proxy.mend()
        assert await there.database.write(Row("after")) == "after"
        assert await there.database.read(count) == 2
        assert [change.subject for change in there.published] == ["before", "after"]


async def test_a_write_waits_for_a_server_that_is_back_soon(wired: PostgresqlEngine, proxy: Proxy) -> None:
    async with opened(wired) as there:
        await there.database.write(Row("before"))
        proxy.cut()
        writing = asyncio.create_task(there.database.write(Row("during")))
        await asyncio.to_thread(eventually, lambda: proxy.refused, "an attempt to connect")
        proxy.mend()
        assert await writing == "during"


async def test_a_server_that_was_stopped_and_started_is_used_again_without_ado(postmaster: Postmaster) -> None:
    engine = PostgresqlEngine(postmaster.url)
    migrate(engine.outside)
    async with opened(engine) as there:
        await there.database.write(Row("before"))
        await asyncio.to_thread(postmaster.stop)
        with pytest.raises(DatabaseUnavailable):
            await there.database.read(count)
        with pytest.raises(DatabaseUnavailable):
            await there.database.write(Row("meanwhile"))
        await asyncio.to_thread(postmaster.start)
        assert await there.database.read(count) == 1
        assert await there.database.write(Row("after")) == "after"
    assert rows(there) == ["after", "before"]


async def test_a_server_that_does_not_answer_is_given_up_by_readers(postmaster: Postmaster) -> None:
    engine = PostgresqlEngine(postmaster.url)
    migrate(engine.outside)
    async with opened(engine, Limits(queue_seconds=0.2, read_seconds=0.2)) as there:
        before = await there.database.read(count)
        with postmaster.frozen(), pytest.raises(DatabaseUnavailable):
            await there.database.read(count)
        assert await there.database.read(count) == before


def change_row(name: str, by: int) -> Callable[[Transaction], None]:
    """Return a job that changes a row, holding it until the transaction ends."""

    def job(transaction: Transaction) -> None:
        changed = key_brands.update().where(key_brands.c.brand == name)
        transaction.connection.execute(changed.values(created_at=key_brands.c.created_at + by))

    return job


async def test_of_two_batches_that_wait_for_each_other_both_happen_once(postgresql_engine: PostgresqlEngine) -> None:
    runs = dict.fromkeys(NODES, 0)
    gates = {node: Gate() for node in NODES}

    def crossing(node: str, first: str, second: str) -> Callable[[Transaction], None]:
        def job(transaction: Transaction) -> None:
            runs[node] += 1
            change_row(first, 1)(transaction)
            gates[node].pass_through()
            change_row(second, 10)(transaction)

        return job

    async with opened(postgresql_engine) as here, opened(of_another_node(postgresql_engine)) as there:
        for name in ("one", "two"):
            await here.database.write(Row(name))
        crossings = [
            asyncio.create_task(here.database.write(crossing(NODES[0], "one", "two"))),
            asyncio.create_task(there.database.write(crossing(NODES[1], "two", "one"))),
        ]
        for node in NODES:
            await gates[node].entered()
        for node in NODES:
            gates[node].open()
        await asyncio.gather(*crossings)
        assert here.committed(select(key_brands.c.created_at)) == [12, 12]
    assert sum(runs.values()) == 3, "no batch was rolled back: they did not cross"


async def test_a_job_that_waits_too_long_for_anothers_lock_is_refused_alone(
    postgresql_engine: PostgresqlEngine,
) -> None:
    async with opened(postgresql_engine) as there:
        await there.database.write(Row("taken"))
        with postgresql_engine.outside.connect() as connection, connection.begin():
            change_row("taken", 1)(Transaction(connection))
            async with held(there.database):
                jobs: list[Callable[[Transaction], object]] = [Row("before"), change_row("taken", 1), Row("after")]
                writing = [asyncio.create_task(there.database.write(job)) for job in jobs]
            answers = await asyncio.gather(*writing, return_exceptions=True)
        assert [answers[0], answers[2]] == ["before", "after"]
        assert isinstance(answers[1], DatabaseBusy)
        assert rows(there) == ["after", "before", "taken"]
        await there.database.write(change_row("taken", 1))


async def test_what_is_appended_later_is_never_seen_before_what_was_appended_earlier(
    postgresql_engine: PostgresqlEngine, wired: PostgresqlEngine, proxy: Proxy
) -> None:
    committing, may_commit = threading.Event(), threading.Event()

    def watch(_: Link, sent: bytes) -> bool:
        if COMMIT in sent and proxy.count(b"INSERT INTO outbox"):
            committing.set()
            assert may_commit.wait(SECONDS)
        return True

    async with opened(wired) as slow, opened(of_another_node(postgresql_engine)) as quick:
        proxy.watch = watch
        earlier = asyncio.create_task(slow.database.write(Row("earlier")))
        assert await asyncio.to_thread(committing.wait, SECONDS)
        later = asyncio.create_task(quick.database.write(Row("later")))
        await asyncio.to_thread(eventually, lambda: waiting_for_locks(postgresql_engine), "the later one waits")
        assert announced(quick) == []
        may_commit.set()
        await asyncio.gather(earlier, later)
        assert announced(quick) == ["earlier", "later"]


async def test_who_follows_the_outbox_sees_every_row_of_two_busy_nodes_once_and_in_order(
    postgresql_engine: PostgresqlEngine,
) -> None:
    seen: list[outbox.OutboxRow] = []

    async def write(there: Opened, name: str) -> None:
        for number in range(20):
            await there.database.write(Row(f"{name} {number}"))

    async with opened(postgresql_engine) as here, opened(of_another_node(postgresql_engine)) as there:
        writing = asyncio.gather(*(write(node, f"{at} {n}") for at, node in enumerate((here, there)) for n in range(8)))
        while not writing.done() or len(seen) < 320:
            last = seen[-1].sequence if seen else 0
            seen += await here.database.read(partial(outbox.after, sequence=last, limit=7))
        await writing
    assert [row.change.subject for row in seen] == announced(here)
    assert len({row.sequence for row in seen}) == len(seen) == 320
    assert {row.node for row in seen} == {"0123456789abcdef", NODES[1]}


def of_another_node(engine: PostgresqlEngine) -> PostgresqlEngine:
    """Return an engine for another node's database on the same."""
    return PostgresqlEngine(engine.url, node=NODES[1])
