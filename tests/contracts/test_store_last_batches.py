"""The mark that each node's last batch leaves."""

import threading

import pytest
from sqlalchemy import Connection, select

from tests.contracts.engines import PostgresqlEngine
from tests.contracts.test_postgresql_faults import waiting_for_locks
from tests.harness.proxy import SECONDS, eventually
from wayvo.store import last_batches
from wayvo.store.tables import key_brands
from wayvo.store.tables import last_batches as table


def written(connection: Connection) -> dict[str, int]:
    """Return when each node wrote."""
    return {row.node: row.written_at for row in connection.execute(select(table))}


def test_only_those_nodes_are_swept_that_have_long_written_nothing_and_the_longest_silent_first(
    connection: Connection,
) -> None:
    rows = [{"node": f"node-{at}", "batch": "b", "written_at": at} for at in (3, 1, 2, 4)]
    connection.execute(table.insert(), rows)
    assert last_batches.sweep(connection, before_us=4, limit=2) == 2
    assert written(connection) == {"node-3": 3, "node-4": 4}
    assert last_batches.sweep(connection, before_us=4, limit=2) == 1
    assert last_batches.sweep(connection, before_us=4, limit=2) == 0
    assert written(connection) == {"node-4": 4}


@pytest.mark.parametrize(
    "connection", [pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))], indirect=True
)
def test_a_node_finds_the_name_of_its_last_batch_that_wrote_something(connection: Connection) -> None:
    last_batches.note(connection, "here", "nothing was written yet")
    assert written(connection) == {}
    assert last_batches.await_last(connection, "here") == ""
    connection.execute(key_brands.insert(), {"brand": "aa", "created_at": 1})
    for batch in ("first", "second"):
        last_batches.note(connection, "here", batch)
        last_batches.note(connection, "there", "another")
        assert last_batches.await_last(connection, "here") == batch
    before = written(connection)["here"]
    assert last_batches.await_last(connection, "here") == "second"
    assert written(connection)["here"] == before > 1_700_000_000_000_000


@pytest.mark.needs("postgresql")
def test_a_mark_that_its_node_renews_while_it_is_swept_stays(postgresql_engine: PostgresqlEngine) -> None:
    swept: list[int] = []

    def sweep() -> None:
        with postgresql_engine.outside.begin() as connection:
            swept.append(last_batches.sweep(connection, before_us=4, limit=2))

    with postgresql_engine.outside.begin() as connection:
        connection.execute(table.insert(), {"node": "here", "batch": "old", "written_at": 1})
    with postgresql_engine.outside.begin() as renewing:
        renewing.execute(table.update(), {"batch": "new", "written_at": 9})
        sweeping = threading.Thread(target=sweep)
        sweeping.start()
        eventually(lambda: waiting_for_locks(postgresql_engine), "the sweeper waits")
    sweeping.join(SECONDS)
    assert swept == [0]
    with postgresql_engine.outside.connect() as connection:
        assert written(connection) == {"here": 9}
