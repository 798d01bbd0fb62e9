"""How long a connection may take: for a head, for a body, for nothing at all, for reading what it asked for."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.server import RunningServer
from tests.lane.catalogue import raw
from tests.lane.connection import Connection
from tests.lane.watched import BOTH, LANE, MANAGEMENT, Watched, nobody
from wayvo.installation import Installation

EVERY_WAY = pytest.mark.parametrize("way", BOTH)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A server with the bounds that it has by default."""
    folder: Path = tmp_path_factory.mktemp("server")
    with RunningServer(folder) as server:
        yield Watched(server)


def ends_after(watched: Watched, connection: Connection, seconds: float) -> bool:
    """Say whether the server ends the connection when that time is over, and not before."""
    watched.turn(seconds - 3)
    if connection.is_ended():
        return False
    watched.turn(seconds + 3)
    return connection.is_ended()


def test_who_sends_nothing_has_the_time_of_a_head(watched: Watched) -> None:
    with watched.connect() as connection:
        assert ends_after(watched, connection, watched.limits.head_seconds)
    with watched.connect(b"\r\n\r\n") as connection:
        assert ends_after(watched, connection, watched.limits.head_seconds)


@EVERY_WAY
def test_a_head_that_trickles_has_no_more_time_than_another(watched: Watched, way: str) -> None:
    with watched.connect(watched.head(way)[:-2]) as connection:
        watched.turn(watched.limits.head_seconds - 3)
        watched.send(connection, b"x")
        watched.turn(watched.limits.head_seconds - 3)
        assert not connection.is_ended()
        watched.send(connection, b": y\r\n")
        watched.turn(watched.limits.head_seconds + 3)
        assert connection.is_ended()


@EVERY_WAY
@pytest.mark.parametrize("framing", [b"Content-Length: 100", b"Transfer-Encoding: chunked"])
def test_a_body_that_trickles_has_no_more_time_than_another(watched: Watched, way: str, framing: bytes) -> None:
    with watched.connect(watched.head(way, framing.decode(), method="POST")) as connection:
        watched.turn(watched.limits.body_seconds - 3)
        watched.send(connection, b"1\r\n \r\n")
        watched.turn(watched.limits.body_seconds - 3)
        assert not connection.is_ended()
        watched.send(connection, b"1\r\n \r\n")
        watched.turn(watched.limits.body_seconds + 3)
        assert connection.is_ended()


@pytest.mark.parametrize("head", ["/v1/forward-auth", "/v1/api-keys"])
def test_a_body_that_is_still_to_come_behind_the_answer_has_its_time_too(watched: Watched, head: str) -> None:
    with watched.connect(raw(f"POST {head}", "Content-Length: 100")) as connection:
        assert connection.answer().status == 401
        watched.send(connection, b"x")
        assert ends_after(watched, connection, watched.limits.body_seconds)


@pytest.mark.parametrize("head", ["POST /v1/forward-auth", "POST /v1/api-keys", "GET /v1/whoami"])
def test_a_body_that_is_finished_behind_the_answer_leaves_an_idle_connection(watched: Watched, head: str) -> None:
    with watched.connect(raw(head, "Content-Length: 5")) as connection:
        assert connection.answer().status == 401
        watched.send(connection, b"xxxxx")
        assert ends_after(watched, connection, watched.limits.idle_seconds)


@EVERY_WAY
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_idle_connection_is_kept_for_a_while_and_counted_from_its_last_answer(
    watched: Watched, way: str, method: str
) -> None:
    request = watched.head(way, *(["Content-Length: 2"] if method == "POST" else []), method=method)
    request += b"{}" if method == "POST" else b""
    with watched.connect(request) as connection:
        connection.answer()
        watched.turn(watched.limits.idle_seconds - 3)
        connection.ask(request)
        assert ends_after(watched, connection, watched.limits.idle_seconds)


def test_an_answer_that_takes_the_application_long_is_waited_for(watched: Watched) -> None:
    is_held, go_on = threading.Event(), threading.Event()

    async def hold(installation: Installation) -> None:
        def job(_: object) -> None:
            is_held.set()
            go_on.wait(60)

        await installation.database.write(job)

    holding = watched.server.begin(hold)
    try:
        is_held.wait(60)
        body = b'{"name": "Slowly made"}'
        head = watched.head(MANAGEMENT, f"Content-Length: {len(body)}", method="POST")
        with watched.connect(head + body) as waiting, watched.connect(head + body + nobody(LANE)) as queued:
            watched.turn(10 * watched.limits.idle_seconds)
            assert not waiting.is_ended()
            assert not queued.is_ended()
            go_on.set()
            assert waiting.answer().status == 201
            assert queued.answer().status == 201
            assert queued.answer().status == 401
    finally:
        go_on.set()
        holding.result(60)


@EVERY_WAY
def test_who_does_not_read_the_answers_is_ended(watched: Watched, way: str) -> None:
    with Connection(watched.port, receive_bytes=4096) as connection:
        connection.socket.settimeout(0.2)
        request = raw("GET /openapi.json") if way == MANAGEMENT else nobody(LANE)
        while connection.try_to_send(request * 200):
            pass
        connection.socket.settimeout(30)
        watched.turn(watched.limits.write_seconds - 3)
        assert peer_is_kept(watched, connection)
        watched.turn(watched.limits.write_seconds + 3)
        assert not peer_is_kept(watched, connection)


def peer_is_kept(watched: Watched, connection: Connection) -> bool:
    """Say whether the server still has its end of the connection."""

    async def is_kept(_: Installation) -> bool:
        return any(getattr(kept, "client", None) == connection.address for kept in watched.guard.connections)

    return watched.server.call(is_kept)
