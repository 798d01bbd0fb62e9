"""The audit trail, on every engine: events are there exactly if their change is, and every one becomes a link."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from tests.contracts.engines import ROOT, SEALER, DatabaseEngine, Opened, PostgresqlEngine, held, opened
from tests.contracts.things import NOW
from wayvo.core.actor import SystemActor
from wayvo.core.audit import AuditEvent, Happening
from wayvo.core.audit_chain import FIELDS, Sealer, Sealers, record_of
from wayvo.core.audit_verification import Verification, verify
from wayvo.core.credentials.digest import RootSecret
from wayvo.core.ids import new_id
from wayvo.core.instants import DAY_US
from wayvo.core.paging import Position
from wayvo.jobs.audit_trail import CHAINED, PRUNED, chain_events, prune_events
from wayvo.store import audit, audit_reading, installation
from wayvo.store.audit import AuditFilter
from wayvo.store.database import Transaction
from wayvo.store.tables import audit_chains, audit_events, key_brands
from wayvo.store.tables import installation as installation_table

pytestmark = pytest.mark.anyio

ONE, TWO = "org_one", "org_two"
SEALERS = Sealers(SEALER)


class Poison(Exception):
    """What a job of ill will raises."""


def event(number: int, owner: str = ONE, **fields: Any) -> AuditEvent:
    happening = Happening(new_id("evt", NOW + number, number.to_bytes(8)), NOW + number, SystemActor("cli", owner))
    given = {"action": "thing.create", "target_type": "thing", "target_id": f"thg_{number}", **fields}
    return happening.event(**given)


def recording(*events: AuditEvent, failure: Exception | None = None) -> Callable[[Transaction], None]:
    """Return a job that records events, and may raise at its end."""

    def job(transaction: Transaction) -> None:
        for happened in events:
            transaction.record(happened)
        if failure is not None:
            raise failure

    return job


async def found(there: Opened) -> None:
    """Let the installation have the root secret of these tests."""
    await there.database.write(lambda transaction: installation.claim(transaction.connection, ROOT.fingerprint, NOW))


async def chained(there: Opened, sealer: Sealer = SEALER) -> None:
    """Give every event its link, as the job of a node does."""
    await chain_events(there.database, sealer)


def trail(there: Opened, owner: str = ONE, sealers: Sealers = SEALERS) -> tuple[list[str], Verification]:
    """Return what the events in an organization's chain are about, in their order, and whether it is whole."""
    with there.engine.outside.connect() as connection, connection.begin():
        links = list(audit_reading.links(connection, owner))
        chain = audit_reading.chain(connection, owner)
        subjects = [str(link.record[FIELDS.index("target_id")]) for link in links]
        return subjects, verify(owner, chain, iter(links), sealers)


def change(there: Opened, *statements: Any) -> None:
    with there.engine.outside.connect() as connection, connection.begin():
        for statement in statements:
            connection.execute(statement)


async def test_events_of_one_batch_and_of_several_become_one_chain_in_their_order(engine: DatabaseEngine) -> None:
    async with opened(engine) as there:
        await found(there)
        async with held(there.database):
            tasks = [asyncio.create_task(there.database.write(recording(event(n)))) for n in range(20)]
        await asyncio.gather(*tasks)
        await there.database.write(recording(event(20), event(21)))
        await chained(there)
        subjects, verification = trail(there)
        assert subjects == [f"thg_{number}" for number in range(22)]
        assert (verification.fault, verification.events) == (None, 22)


async def test_a_job_that_fails_leaves_no_event_and_its_neighbours_keep_theirs(engine: DatabaseEngine) -> None:
    async with opened(engine) as there:
        await found(there)
        async with held(there.database):
            tasks = [
                asyncio.create_task(
                    there.database.write(recording(event(number), failure=Poison() if number in (3, 7) else None))
                )
                for number in range(10)
            ]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [number for number, result in enumerate(results) if isinstance(result, Poison)] == [3, 7]
        await chained(there)
        subjects, verification = trail(there)
        # What stood before a culprit is committed before what stood behind it.
        assert subjects == [f"thg_{number}" for number in range(10) if number not in (3, 7)]
        assert verification.fault is None


async def test_an_event_that_can_not_be_stored_is_its_own_jobs_failure(engine: DatabaseEngine) -> None:
    poisoned = AuditEvent(**{**_fields(event(1)), "after": {"x": object()}})
    async with opened(engine) as there:
        await found(there)
        async with held(there.database):
            tasks = [
                asyncio.create_task(there.database.write(recording(one))) for one in (event(0), poisoned, event(2))
            ]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(result) for result in results] == [type(None), TypeError, type(None)]
        await chained(there)
        assert trail(there)[0] == ["thg_0", "thg_2"]


async def test_organizations_have_chains_of_their_own(engine: DatabaseEngine) -> None:
    async with opened(engine) as there:
        await found(there)
        async with held(there.database):
            tasks = [
                asyncio.create_task(there.database.write(recording(event(number, TWO if number % 3 == 0 else ONE))))
                for number in range(10)
            ]
        await asyncio.gather(*tasks)
        await chained(there)
        assert trail(there, ONE)[0] == [f"thg_{number}" for number in (1, 2, 4, 5, 7, 8)]
        assert trail(there, TWO)[0] == [f"thg_{number}" for number in (0, 3, 6, 9)]
        assert [trail(there, owner)[1].fault for owner in (ONE, TWO)] == [None, None]
        with there.engine.outside.connect() as connection:
            assert list(audit_reading.organizations(connection)) == [ONE, TWO]
        # A good link of one is no link of the other.
        moved = update(audit_events).where(audit_events.c.target_id == "thg_9").values(organization_id=ONE, sequence=7)
        change(there, moved)
        assert trail(there, ONE)[1].fault is not None
        assert trail(there, TWO)[1].fault is not None


async def test_what_is_refused_by_the_schema_takes_its_event_along(engine: DatabaseEngine) -> None:
    def job(transaction: Transaction) -> None:
        transaction.record(event(1))
        transaction.connection.execute(key_brands.insert(), {"brand": "x", "created_at": 1})

    async with opened(engine) as there:
        await found(there)
        await there.database.write(job)
        with pytest.raises(IntegrityError):
            await there.database.write(job)
        await chained(there)
        assert trail(there)[0] == ["thg_1"]


async def test_more_events_than_one_step_chains_are_all_chained(engine: DatabaseEngine) -> None:
    count = 2 * CHAINED + 7
    async with opened(engine) as there:
        await found(there)
        await there.database.write(recording(*(event(number) for number in range(count))))
        await chained(there)
        subjects, verification = trail(there)
        assert len(subjects) == count
        assert verification.fault is None


ROW = audit_events.c
TAMPERINGS: dict[str, tuple[tuple[Any, ...], int]] = {
    "edited": ((update(audit_events).where(ROW.sequence == 4).values(actor_id="somebody else"),), 4),
    "text of a change edited": ((update(audit_events).where(ROW.sequence == 2).values(after='{"name": "x"}'),), 2),
    "moment edited": ((update(audit_events).where(ROW.sequence == 5).values(at=NOW),), 5),
    "link edited": ((update(audit_events).where(ROW.sequence == 3).values(mac=b"x" * 32),), 3),
    "removed": ((audit_events.delete().where(ROW.sequence == 3),), 3),
    "removed, and the others moved up": (
        (
            audit_events.delete().where(ROW.sequence == 3),
            update(audit_events).where(ROW.sequence > 3).values(sequence=-ROW.sequence),
            update(audit_events).where(ROW.sequence < 0).values(sequence=-ROW.sequence - 1),
        ),
        3,
    ),
    "the first removed": ((audit_events.delete().where(ROW.sequence == 1),), 1),
    "the last removed": ((audit_events.delete().where(ROW.sequence == 6),), 6),
    "reordered": (
        (
            update(audit_events).where(ROW.sequence == 2).values(sequence=100),
            update(audit_events).where(ROW.sequence == 5).values(sequence=2),
            update(audit_events).where(ROW.sequence == 100).values(sequence=5),
        ),
        2,
    ),
    "taken out of the chain": ((update(audit_events).where(ROW.sequence == 6).values(sequence=None),), 6),
    "all removed": ((audit_events.delete(),), 1),
    "the end moved back": (
        (
            audit_events.delete().where(ROW.sequence > 4),
            update(audit_chains).values(sequence=4, mac=select(ROW.mac).where(ROW.sequence == 4).scalar_subquery()),
        ),
        4,
    ),
    "the end forgotten": ((audit_chains.delete(),), 6),
    "said to be pruned": (
        (
            audit_events.delete().where(ROW.sequence < 3),
            update(audit_chains).values(pruned_sequence=2, pruned_mac=b"m" * 32, pruned_seal=b"s" * 32),
        ),
        1,
    ),
}


@pytest.mark.parametrize("name", TAMPERINGS)
async def test_whatever_somebody_does_to_the_rows_is_found_at_the_first_event_that_it_touches(
    engine: DatabaseEngine, name: str
) -> None:
    statements, place = TAMPERINGS[name]
    async with opened(engine) as there:
        await found(there)
        await there.database.write(recording(*(event(number) for number in range(6))))
        await chained(there)
        assert trail(there)[1].fault is None
        change(there, *statements)
        fault = trail(there)[1].fault
        assert fault is not None
        assert fault.sequence == place


async def test_an_inserted_row_is_found(engine: DatabaseEngine) -> None:
    async with opened(engine) as there:
        await found(there)
        await there.database.write(recording(*(event(number) for number in range(4))))
        await chained(there)
        row = {column.name: None for column in audit_events.columns} | {
            "id": "evt_x", "organization_id": ONE, "at": NOW, "actor_type": "user", "actor_id": "usr", "action": "a.b",
            "target_type": "t", "target_id": "t", "sequence": 5, "mac": b"m" * 32, "mac_secret": SEALER.fingerprint,
        }  # fmt: skip
        change(there, insert(audit_events).values(row))
        fault = trail(there)[1].fault
        assert fault is not None
        assert (fault.sequence, fault.event_id) == (5, "evt_x")


async def test_a_chain_goes_on_under_a_new_root_secret(engine: DatabaseEngine) -> None:
    later = Sealer(RootSecret(b"the root secret that came afterwards"))
    both = Sealers(later, [SEALER])
    async with opened(engine) as there:
        await found(there)
        await there.database.write(recording(event(0), event(1)))
        await chained(there)
        change(there, update(installation_table).values(secret_fingerprint=later.fingerprint))

        def unchained(transaction: Transaction) -> None:
            row = audit_events.insert().values(dict(zip(FIELDS, record_of(event(2)), strict=True)))
            transaction.connection.execute(row)

        await there.database.write(unchained)
        await chained(there, SEALER)
        assert trail(there, sealers=both)[0] == ["thg_0", "thg_1"], "a node with the old secret leaves it alone"
        await chained(there, later)
        subjects, verification = trail(there, sealers=both)
        assert subjects == ["thg_0", "thg_1", "thg_2"]
        assert verification.fault is None
        assert trail(there, sealers=Sealers(later))[1].fault is not None


# Pruning


async def test_pruning_deletes_what_is_older_and_leaves_a_trail_that_is_whole(engine: DatabaseEngine) -> None:
    old = [event(number) for number in range(PRUNED + 10)]
    async with opened(engine) as there:
        await found(there)
        await there.database.write(recording(*old, event(2 * DAY_US), event(PRUNED + 20, TWO)))
        await chained(there)
        now = NOW + 3 * DAY_US
        await prune_events(there.database, SEALER, lambda: now, 0)
        assert len(trail(there)[0]) == PRUNED + 11
        await prune_events(there.database, SEALER, lambda: now, 2)
        subjects, verification = trail(there)
        assert subjects == [f"thg_{2 * DAY_US}"]
        assert (verification.fault, verification.pruned.sequence) == (None, PRUNED + 10)
        assert trail(there, TWO)[0] == []
        assert trail(there, TWO)[1].fault is None
        await there.database.write(recording(event(4 * DAY_US), event(4 * DAY_US + 1, TWO)))
        await chained(there)
        assert [trail(there, owner)[1].fault for owner in (ONE, TWO)] == [None, None]
        assert [trail(there, owner)[1].last.sequence for owner in (ONE, TWO)] == [PRUNED + 12, 2]


async def test_pruning_stops_at_the_first_link_that_is_to_stay_whatever_comes_behind(engine: DatabaseEngine) -> None:
    async with opened(engine) as there:
        await found(there)
        for number in (0, 5 * DAY_US, 1, 2):
            await there.database.write(recording(event(number)))
            await chained(there)
        await prune_events(there.database, SEALER, lambda: NOW + 6 * DAY_US, 2)
        assert trail(there)[0] == [f"thg_{number}" for number in (5 * DAY_US, 1, 2)]
        assert trail(there)[1].fault is None


# Reading


def pages(connection: Connection, wanted: AuditFilter, limit: int = 2) -> list[str]:
    seen: list[str] = []
    after: Position | None = None
    while True:
        page = audit.page(connection, ONE, wanted, after, limit)
        seen += [happened.target_id for happened, _ in page.rows]
        if page.next is None:
            return seen
        after = page.next


async def test_a_list_has_every_event_once_the_newest_first_within_its_time(engine: DatabaseEngine) -> None:
    async with opened(engine) as there:
        await found(there)
        changed = {"before": {"name": "é"}, "after": {"name": "ü", "n": 1}}
        await there.database.write(recording(*(event(n, action="a.b" if n % 2 else "c.d") for n in range(9))))
        await there.database.write(recording(event(40, TWO)))
        await there.database.write(recording(AuditEvent(**{**_fields(event(9)), **changed})))
        await chained(there)
        with there.engine.outside.connect() as connection:
            everything = [f"thg_{number}" for number in range(9, -1, -1)]
            assert pages(connection, AuditFilter()) == everything
            assert pages(connection, AuditFilter(since=NOW + 3, until=NOW + 6)) == ["thg_5", "thg_4", "thg_3"]
            assert pages(connection, AuditFilter(action="a.b", since=NOW + 3)) == ["thg_7", "thg_5", "thg_3"]
            assert pages(connection, AuditFilter(target_id="thg_2")) == ["thg_2"]
            assert pages(connection, AuditFilter(actor_id="cli", until=NOW + 1)) == ["thg_0"]
            assert audit.get(connection, ONE, event(9).id) == (AuditEvent(**{**_fields(event(9)), **changed}), 10)
            assert audit.get(connection, TWO, event(9).id) is None


def _fields(happened: AuditEvent) -> dict[str, Any]:
    return {name: getattr(happened, name) for name in happened.__struct_fields__}


# PostgreSQL: several nodes


@pytest.mark.needs("postgresql")
async def test_what_a_node_committed_before_it_was_killed_another_chains(postgresql_engine: PostgresqlEngine) -> None:
    async with opened(postgresql_engine) as there:
        await found(there)
        await there.database.write(recording(event(0), event(1)))
        assert trail(there)[0] == []
    other = PostgresqlEngine(postgresql_engine.url, node="another")
    async with opened(other) as there:
        await chained(there)
        subjects, verification = trail(there)
        assert subjects == ["thg_0", "thg_1"]
        assert verification.fault is None


@pytest.mark.needs("postgresql")
async def test_an_event_that_is_committed_late_is_chained_late_and_none_is_skipped(
    postgresql_engine: PostgresqlEngine,
) -> None:
    async with opened(postgresql_engine) as there:
        await found(there)
        with there.engine.outside.connect() as connection, connection.begin() as slow:
            audit.insert_unchained(connection, [record_of(event(0))])
            await there.database.write(recording(event(1)))
            await chained(there)
            assert trail(there)[0] == ["thg_1"]
            slow.commit()
        await there.database.write(recording(event(2)))
        await chained(there)
        subjects, verification = trail(there)
        assert subjects == ["thg_1", "thg_0", "thg_2"]
        assert verification.fault is None


@pytest.mark.needs("postgresql")
async def test_while_one_node_chains_another_does_not(postgresql_engine: PostgresqlEngine) -> None:
    async with opened(postgresql_engine) as there:
        await found(there)
        await there.database.write(recording(event(0)))
        with there.engine.outside.connect() as connection, connection.begin() as chaining:
            assert audit.chain_pending(connection, SEALER, 10) == 1
            await chained(there)
            assert trail(there)[0] == []
            chaining.commit()
        assert trail(there)[0] == ["thg_0"]
        assert trail(there)[1].fault is None


@pytest.mark.needs("postgresql")
async def test_nodes_that_write_and_chain_at_once_make_one_chain(postgresql_engine: PostgresqlEngine) -> None:
    other = PostgresqlEngine(postgresql_engine.url, node="another")
    async with opened(postgresql_engine) as one, opened(other) as two:
        await found(one)

        async def busy(there: Opened, start: int) -> None:
            for number in range(start, start + 60):
                await there.database.write(recording(event(number)))
                if number % 5 == 0:
                    await chained(there)

        work: list[Awaitable[None]] = [busy(one, 0), busy(one, 100), busy(two, 200), busy(two, 300)]
        await asyncio.gather(*work)
        await chained(one)
        subjects, verification = trail(one)
        assert (len(subjects), len(set(subjects))) == (240, 240)
        assert (verification.fault, verification.last.sequence) == (None, 240)
