"""Uses of scopes as rows, on every engine."""

import pytest
from sqlalchemy import Connection

from tests.contracts.things import digest, new_key, store_organization, store_project
from wayvo.store import api_keys, scope_uses
from wayvo.store.scope_uses import MAX_OF_ONE

ORDERS = "https://orders.example"


@pytest.fixture
def key_ids(connection: Connection) -> list[str]:
    """Two keys."""
    project = store_project(connection, store_organization(connection))
    keys = [new_key(project), new_key(project)]
    for number, key in enumerate(keys):
        api_keys.insert(connection, key, digest(number), "secret")
    return [key.id for key in keys]


def test_the_last_use_of_each_scope_is_kept_and_an_older_one_changes_nothing(
    connection: Connection, key_ids: list[str]
) -> None:
    one, other = key_ids
    scope_uses.record(connection, [(one, ORDERS, "orders:read", 5), (other, ORDERS, "orders:read", 6)])
    scope_uses.record(connection, [(one, ORDERS, "orders:read", 4), (one, ORDERS, "orders:write", 7)])
    scope_uses.record(connection, [(other, ORDERS, "orders:read", 9)])
    scope_uses.record(connection, [])
    assert scope_uses.of_key(connection, one, 0) == {(ORDERS, "orders:read"): 5, (ORDERS, "orders:write"): 7}
    assert scope_uses.of_key(connection, one, 6) == {(ORDERS, "orders:write"): 7}
    assert scope_uses.of_key(connection, other, 0) == {(ORDERS, "orders:read"): 9}


def test_a_key_has_so_many_rows_and_those_that_it_has_stay_up_to_date(
    connection: Connection, key_ids: list[str]
) -> None:
    one, other = key_ids
    first = [(one, ORDERS, f"orders:n{number}", 1) for number in range(MAX_OF_ONE - 1)]
    scope_uses.record(connection, first)
    more = [(one, ORDERS, f"orders:more{number}", 2) for number in range(5)]
    scope_uses.record(connection, [*more, (one, ORDERS, "orders:n0", 2), (other, ORDERS, "orders:read", 2)])
    kept = scope_uses.of_key(connection, one, 0)
    assert len(kept) == MAX_OF_ONE
    assert kept[ORDERS, "orders:n0"] == 2
    assert len(scope_uses.of_key(connection, other, 0)) == 1


def test_old_uses_are_swept_in_batches(connection: Connection, key_ids: list[str]) -> None:
    one, _ = key_ids
    scope_uses.record(connection, [(one, ORDERS, f"orders:n{number}", number) for number in range(5)])
    assert [scope_uses.sweep(connection, 4, 3) for _ in range(3)] == [3, 1, 0]
    assert scope_uses.of_key(connection, one, 0) == {(ORDERS, "orders:n4"): 4}
