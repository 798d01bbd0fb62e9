"""Last uses, noted in memory."""

from wayvo.verify.meter import MAX_NOTED, Meter


def test_the_last_use_of_each_credential_is_drained_once() -> None:
    meter = Meter()
    meter.note("key_1", 1, "192.0.2.1")
    meter.note("key_2", 2, None)
    meter.note("key_1", 3, "192.0.2.3")
    assert meter.last_use("key_1") == (3, "192.0.2.3")
    assert sorted(meter.drain()) == [("key_1", 3, "192.0.2.3"), ("key_2", 2, None)]
    assert meter.last_use("key_1") == (3, "192.0.2.3"), "it may not be stored yet"
    assert meter.drain() == []
    assert meter.last_use("key_1") is None, "the drain after tells that the one before was stored"


def test_a_use_noted_while_the_one_before_is_being_stored_is_the_last() -> None:
    meter = Meter()
    meter.note("key_1", 1, "192.0.2.1")
    meter.drain()
    meter.note("key_1", 2, "192.0.2.2")
    assert meter.last_use("key_1") == (2, "192.0.2.2")


def test_uses_that_wait_to_be_stored_are_bounded_and_those_noted_stay_up_to_date() -> None:
    meter = Meter()
    for number in range(MAX_NOTED + 10):
        meter.note(f"key_{number}", 1, None)
    meter.note("key_0", 2, None)
    assert meter.last_use("key_0") == (2, None)
    assert meter.last_use(f"key_{MAX_NOTED}") is None
    assert len(meter.drain()) == MAX_NOTED
