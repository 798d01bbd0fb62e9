"""Requests that follow each other without waiting are answered one by one, in order, each with its own answer."""

import random
from collections.abc import Iterator

import pytest

from tests.lane.catalogue import AUTH, Keys, bearer, question, raw
from tests.lane.connection import Answer, Connection
from tests.lane.ways import Ways, cool
from tests.wire.doors import Doors

BATCH = 24
SEEDS = range(4)


@pytest.fixture(scope="module")
def alone(ways: Ways, catalogue: dict[str, bytes]) -> dict[bytes, bytes]:
    """The answer to each request that leaves the connection open."""
    found = {}
    for request in catalogue.values():
        with Connection(ways.lane) as connection:
            answer = connection.ask(request)
        if not answer.is_last:
            found[request] = answer.constant
    return found


def batches(requests: list[bytes], seed: int) -> Iterator[list[bytes]]:
    """Return the requests in a random order, a few at a time."""
    shuffled = random.Random(seed).sample(requests, len(requests))
    return (shuffled[start : start + BATCH] for start in range(0, len(shuffled), BATCH))


def answers(connection: Connection, batch: list[bytes]) -> list[Answer]:
    connection.send(b"".join(batch))
    return [connection.answer(has_body=not request.startswith(b"HEAD ")) for request in batch]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("way", ["lane", "asgi", "over_tls", "cut"])
def test_many_at_once_get_the_answers_that_each_gets_alone(
    ways: Ways, alone: dict[bytes, bytes], way: str, seed: int
) -> None:
    assert len(alone) > 200
    ways.cuts.positions = tuple(sorted(random.Random(seed).sample(range(1, 20_000), 40)))
    with Connection(getattr(ways, way), ways.tls if way == "over_tls" else None) as connection:
        for batch in batches(list(alone), seed):
            got = [answer.constant for answer in answers(connection, batch)]
            assert got == [alone[request] for request in batch]


@pytest.mark.parametrize("way", ["lane", "asgi", "over_tls", "cut"])
def test_order_is_kept_when_an_earlier_answer_has_to_be_waited_for(
    doors: Doors, ways: Ways, keys: Keys, alone: dict[bytes, bytes], way: str
) -> None:
    ways.cuts.positions = (100, 333, 700)
    lane, cold = raw(f"GET {AUTH}"), raw(f"GET {AUTH}", bearer(keys.valid), "Cache-Control: no-cache")
    asked = raw("POST /v1/verify", bearer(keys.asker), body=question(keys.valid))
    slow, quick = raw("GET /v1/users?limit=1", bearer(keys.own)), raw("GET /healthz")
    with Connection(getattr(ways, way), ways.tls if way == "over_tls" else None) as connection:
        expected = {request: connection.ask(request).constant for request in (lane, cold, asked, slow, quick)}
        for batch in ([slow, lane, lane], [cold, lane, asked, lane], [asked, slow, quick, lane], [lane, quick, lane]):
            cool(doors.server, keys.valid, keys.asker, keys.own)
            got = [answer.constant for answer in answers(connection, batch)]
            assert got == [expected[request] for request in batch]


@pytest.mark.parametrize("way", ["lane", "asgi"])
def test_behind_a_request_to_close_nothing_is_answered(ways: Ways, keys: Keys, way: str) -> None:
    for last in (
        raw(f"GET {AUTH}", bearer(keys.valid), "Connection: close"),
        raw("GET /v1/whoami", bearer(keys.own), "Connection: close"),
        raw("POST /v1/verify", bearer(keys.asker), "Connection: close", body=question(keys.valid)),
        raw(f"GET {AUTH}", bearer(keys.valid), version="1.0"),
        raw("GET /healthz", "Upgrade: websocket", "Connection: upgrade"),
        raw("GET /v1/forward-auth", "Upgrade: h2c", "Connection: upgrade"),
        raw("POST /v1/verify", bearer(keys.asker), body=b"x" * 16_385),
    ):
        with Connection(getattr(ways, way)) as connection:
            first, behind = raw(f"GET {AUTH}"), raw(f"GET {AUTH}", "X-Request-Id: must-not-be-answered")
            connection.send(first + last + behind * 3)
            assert connection.answer().status == 401
            assert connection.answer().is_last
            assert connection.rest() == b""


@pytest.mark.parametrize("way", ["lane", "asgi"])
def test_nonsense_behind_a_request_takes_nothing_from_its_answer_and_ends_the_connection(ways: Ways, way: str) -> None:
    with Connection(getattr(ways, way)) as connection:
        connection.send(raw(f"GET {AUTH}") + b"nonsense\r\n\r\n" + raw(f"GET {AUTH}"))
        first = connection.answer()
        assert first.status == 401
        # On the ordinary way the first answer was not there yet when the nonsense came, and tells the end itself.
        if way == "asgi":
            assert first.is_last
        else:
            assert connection.answer().status == 400
        assert connection.rest() == b""
