"""Uses of scopes, noted in memory."""

import tracemalloc

from wayvo.verify.scope_uses import MAX_NOTED, MAX_NOTED_OF_ONE, ScopeUses

ORDERS = "https://orders.example"


def test_each_scope_that_was_needed_is_drained_once_with_its_last_instant() -> None:
    uses = ScopeUses()
    uses.note("key_1", ORDERS, ("orders:read",), 1)
    uses.note("key_1", ORDERS, ["orders:read", "orders:write"], 3)
    uses.note("key_1", "https://other.example", ("orders:read",), 2)
    uses.note("key_2", ORDERS, ("orders:read",), 4)
    found = [
        ("key_1", ORDERS, "orders:read", 3),
        ("key_1", ORDERS, "orders:write", 3),
        ("key_1", "https://other.example", "orders:read", 2),
        ("key_2", ORDERS, "orders:read", 4),
    ]
    assert uses.of("key_2") == {(ORDERS, "orders:read"): 4}
    assert sorted(uses.drain()) == found
    assert uses.of("key_2") == {(ORDERS, "orders:read"): 4}, "it may not be stored yet"
    assert uses.drain() == []
    assert uses.of("key_2") == {}


def test_what_waits_is_bounded_for_one_and_for_all_and_one_takes_no_room_from_the_others() -> None:
    uses = ScopeUses()
    for number in range(MAX_NOTED_OF_ONE + 10):
        uses.note("key_1", ORDERS, (f"orders:read{number}",), 1)
    assert len(uses.of("key_1")) == MAX_NOTED_OF_ONE
    for number in range(MAX_NOTED):
        uses.note(f"key_a{number}", ORDERS, ("orders:read",), 1)
    assert len(uses.drain()) == MAX_NOTED
    uses.note("key_b", ORDERS, ("orders:read",), 1)
    assert len(uses.drain()) == 1, "there is room again"


def test_who_asks_for_the_same_scopes_a_thousand_times_over_takes_no_more_room_than_others() -> None:
    uses = ScopeUses()
    tracemalloc.start()
    for number in range(MAX_NOTED_OF_ONE):
        scopes = [f"orders:{verb}" for verb in ("read", "write") * (1000 + number)]
        uses.note("key_1", ORDERS, scopes, 1)
        del scopes
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < 100_000
    assert uses.of("key_1") == {(ORDERS, "orders:read"): 1, (ORDERS, "orders:write"): 1}
