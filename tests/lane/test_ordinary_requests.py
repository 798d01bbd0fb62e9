"""What comes whole and plain is answered at once, and whatever came before it on the connection makes no difference."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest
from uvicorn.server import ServerState

from tests.harness.server import configuration
from tests.lane.catalogue import AUTH, Keys, bearer, question, raw
from tests.lane.connection import Connection, exchange
from tests.lane.ways import Ways, cool, until
from tests.wire.doors import Doors
from wayvo.app import Door
from wayvo.gate.fast_lane import FastLaneProtocol
from wayvo.installation import Installation


class Written(asyncio.Transport):
    """A transport that keeps what is written to it."""

    is_closed = False

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.data = b""

    def write(self, data: Any) -> None:
        self.data += data

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def pause_reading(self) -> None:
        """Whoever writes here can't be paused."""


class Opened(FastLaneProtocol):
    """A connection whose other end is the test; to be made and used on the server's own event loop."""

    def __init__(self, door: Door) -> None:
        config = configuration(door, 1)
        config.load()
        self.guard = door.guard
        super().__init__(config, ServerState(), {})
        self.written = Written()
        self.connection_made(self.written)

    def answered(self, data: bytes) -> bytes:
        """Return what is written before the loop goes round."""
        before = len(self.written.data)
        self.data_received(data)
        return self.written.data[before:]


@pytest.fixture
def ordinary(ways: Ways, keys: Keys) -> tuple[bytes, ...]:
    """Requests that can be answered at once."""
    for credential in (keys.valid, keys.asker):
        exchange(ways.asgi, raw(f"GET {AUTH}", bearer(credential)))
    return (
        raw(f"GET {AUTH}", bearer(keys.valid), "X-Forwarded-For: 203.0.113.9"),
        raw(f"GET {AUTH.replace('auth', 'auth/orders')}"),
        raw("POST /v1/verify", bearer(keys.asker), "Connection: keep-alive", body=question(keys.valid)),
    )


def test_an_ordinary_request_is_not_shown_to_the_parser(doors: Doors, ordinary: tuple[bytes, ...]) -> None:
    async def answer(_: Installation) -> list[bytes]:
        opened = Opened(doors.server.door)
        opened.parser = None  # type: ignore[assignment]
        answers = [opened.answered(request)[:13] for request in ordinary * 2]
        opened.connection_lost(OSError())
        return answers

    assert doors.server.call(answer) == [b"HTTP/1.1 200 ", b"HTTP/1.1 401 ", b"HTTP/1.1 200 "] * 2


def wait_for_a_turn(opened: Opened) -> None:
    opened.pause_writing()
    opened.data_received(b"GET /v1/whoami HTTP/1.1\r\n\r\n")
    opened.resume_writing()


@pytest.mark.parametrize(
    "begin",
    [
        lambda opened: opened.data_received(b"GET /v1/whoami HTTP/1.1\r\n"),
        lambda opened: opened.data_received(b"GET /v1/whoami HTTP/1.1\r\n\r\n"),
        lambda opened: opened.data_received(b"GET /v1/whoami HTTP/1.1\r\n\r\n" * 2),
        lambda opened: opened.pause_writing(),
        wait_for_a_turn,
        lambda opened: opened.shutdown(),
        lambda opened: opened.stop_after_answer(),
    ],
    ids=[
        "a request is coming",
        "one is being answered",
        "one waits",
        "none reads",
        "one waits for its turn",
        "the server stops",
        "all is over",
    ],
)
def test_nothing_is_answered_at_once_while(
    doors: Doors, ordinary: tuple[bytes, ...], begin: Callable[[Opened], None]
) -> None:
    async def answer(_: Installation) -> list[bytes]:
        answers = []
        for request in ordinary:
            opened = Opened(doors.server.door)
            begin(opened)
            answers.append(opened.answered(request))
            opened.connection_lost(OSError())
        return answers

    assert [
        answer for answer in doors.server.call(answer) if answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 401"))
    ] == []


def test_a_connection_that_has_gone_the_ordinary_way_is_not_ended_as_idle_by_uvicorn(
    doors: Doors, ordinary: tuple[bytes, ...]
) -> None:
    async def answer(_: Installation) -> None:
        opened = Opened(doors.server.door)
        opened.data_received(b"GET /v1/whoami HTTP/1.1\r\n\r\n")
        await until(lambda: opened.timeout_keep_alive_task is not None)
        for request in ordinary:
            assert opened.answered(request)
            assert opened.timeout_keep_alive_task is None
        opened.connection_lost(OSError())

    doors.server.call(answer)


@pytest.mark.parametrize("way", ["lane", "over_tls"])
@pytest.mark.parametrize("seed", range(3))
def test_one_after_the_other_each_is_answered_as_if_it_were_alone(
    ways: Ways, catalogue: dict[str, bytes], seed: int, way: str
) -> None:
    port, tls = getattr(ways, way), ways.tls if way == "over_tls" else None
    alone = {name: exchange(ways.lane, request) for name, request in catalogue.items()}
    staying = [name for name, (_, is_ended) in alone.items() if not is_ended]
    differing = {}
    with Connection(port, tls) as connection:
        for name in random.Random(seed).sample(staying, len(staying)):
            answered = connection.ask(catalogue[name]).constant
            if answered != alone[name][0]:
                differing[name] = (alone[name][0], answered)
    assert differing == {}
    assert len(staying) > 200


def test_what_is_not_in_memory_is_looked_for_once_in_the_lane_and_once_behind_it(
    doors: Doors, ways: Ways, keys: Keys
) -> None:
    request = raw(f"GET {AUTH}", bearer(keys.valid))
    warm = exchange(ways.lane, request)
    before = cool(doors.server, keys.valid)
    assert exchange(ways.lane, request) == warm
    assert cool(doors.server) == before + 2
