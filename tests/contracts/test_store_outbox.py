"""The outbox, on every engine."""

from sqlalchemy import Connection

from tests.contracts.things import NOW
from wayvo.core.change import Change
from wayvo.store import outbox

CHANGES = [Change("credential", f"{number:02x}", at=NOW + number) for number in range(5)]


def test_changes_are_read_in_the_order_in_which_they_were_written(connection: Connection) -> None:
    start = outbox.last_sequence(connection)
    assert outbox.insert(connection, "node", CHANGES) == 5
    found = outbox.after(connection, start, 100)
    assert [(row.node, row.change) for row in found] == [("node", change) for change in CHANGES]
    assert [row.sequence for row in found] == sorted(row.sequence for row in found)
    assert outbox.last_sequence(connection) == found[-1].sequence


def test_a_reader_goes_on_where_it_stopped(connection: Connection) -> None:
    start = outbox.last_sequence(connection)
    outbox.insert(connection, "node", CHANGES)
    first = outbox.after(connection, start, 3)
    rest = outbox.after(connection, first[-1].sequence, 3)
    assert [row.change for row in first + rest] == CHANGES
    assert outbox.after(connection, rest[-1].sequence, 3) == []


def test_no_change_is_no_row(connection: Connection) -> None:
    start = outbox.last_sequence(connection)
    assert outbox.insert(connection, "node", []) == 0
    assert outbox.last_sequence(connection) == start


def test_old_rows_are_swept_in_batches_and_others_stay(connection: Connection) -> None:
    start = outbox.last_sequence(connection)
    outbox.insert(connection, "node", CHANGES)
    assert [outbox.sweep(connection, NOW + 4, 3) for _ in range(3)] == [3, 1, 0]
    assert [row.change for row in outbox.after(connection, start, 10)] == CHANGES[4:]


def test_a_sequence_is_never_given_twice(connection: Connection) -> None:
    outbox.insert(connection, "node", CHANGES)
    last = outbox.last_sequence(connection)
    outbox.sweep(connection, NOW + 100, 100)
    outbox.insert(connection, "node", CHANGES[:1])
    assert outbox.last_sequence(connection) > last
