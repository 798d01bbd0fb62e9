"""A server that is told to stop answers what it has begun to receive, and nothing after that."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.server import RunningServer
from tests.lane.catalogue import raw
from tests.lane.connection import Connection
from tests.lane.watched import BOTH, LANE, MANAGEMENT, Watched, nobody
from tests.lane.ways import turns, until
from wayvo.installation import Installation

EVERY_WAY = pytest.mark.parametrize("way", BOTH)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """A server, which the test stops."""
    with RunningServer(tmp_path / "server") as server:
        yield Watched(server)


def begin_to_stop(watched: Watched) -> None:
    """Tell the server to stop, and wait until it has told its connections."""

    async def stop(installation: Installation) -> None:
        server: Any = watched.server._server
        server.should_exit = True
        await until(lambda: not any(listener.is_serving() for listener in server.servers))
        await turns(installation)

    watched.server.call(stop)


def question(watched: Watched, way: str) -> tuple[bytes, bytes]:
    """Return a head, and the body that it announces."""
    body = b'{"name": "Made at the end"}' if way == MANAGEMENT else b'{"credential": "x"}'
    return watched.head(way, f"Content-Length: {len(body)}", method="POST"), body


@EVERY_WAY
def test_in_the_middle_of_a_body(watched: Watched, way: str) -> None:
    head, body = question(watched, way)
    with watched.connect(head + body[:5]) as connection:
        begin_to_stop(watched)
        connection.send(body[5:] + nobody(LANE))
        answer = connection.answer()
        assert (answer.status, answer.is_last) == (201 if way == MANAGEMENT else 200, True)
        assert connection.rest() == b""


@EVERY_WAY
def test_in_the_middle_of_a_head(watched: Watched, way: str) -> None:
    request = watched.head(way)
    with watched.connect(request[:-10]) as connection:
        begin_to_stop(watched)
        connection.send(request[-10:] + nobody(LANE))
        answer = connection.answer()
        assert (answer.status, answer.is_last) == (200, True)
        assert connection.rest() == b""


@EVERY_WAY
def test_in_the_middle_of_a_second_request(watched: Watched, way: str) -> None:
    head, body = question(watched, way)
    with watched.connect(nobody(LANE) + nobody(MANAGEMENT) + head) as connection:
        for _ in range(2):
            answer = connection.answer()
            assert (answer.status, answer.is_last) == (401, False)
        begin_to_stop(watched)
        connection.send(body)
        assert connection.answer().is_last
        assert connection.rest() == b""


def test_between_two_requests_and_before_the_first(watched: Watched) -> None:
    lane, management, fresh = (watched.connect(data) for data in (nobody(LANE), nobody(MANAGEMENT), b""))
    with lane, management, fresh:
        assert (lane.answer().status, management.answer().status) == (401, 401)
        watched.settle()
        begin_to_stop(watched)
        assert (lane.rest(), management.rest(), fresh.rest()) == (b"", b"", b"")


@pytest.mark.parametrize("begun", ["head", "body", "body behind the answer"])
def test_who_never_finishes_is_ended_by_its_deadline_and_the_server_with_it(watched: Watched, begun: str) -> None:
    data = {
        "head": watched.head(LANE)[:-2],
        "body": question(watched, LANE)[0],
        "body behind the answer": raw("POST /v1/forward-auth", "Content-Length: 9"),
    }[begun]
    with watched.connect(data) as connection:
        begin_to_stop(watched)
        watched.turn(watched.limits.body_seconds + 1)
        assert (connection.rest() != b"") == (begun == "body behind the answer")
    watched.server._thread.join(30)
    assert not watched.server._thread.is_alive()
    assert not watched.guard.connections


def test_a_stopped_server_keeps_no_connection(watched: Watched) -> None:
    connections = [watched.connect(nobody(way)) for way in BOTH]
    begin_to_stop(watched)
    for connection in connections:
        with connection:
            assert connection.answer().status == 401
            assert connection.rest() == b""
    assert not watched.guard.connections


def test_the_last_answer_reaches_who_reads_slowly(watched: Watched) -> None:
    with Connection(watched.port, receive_bytes=4096) as connection:
        watched.send(connection, raw("GET /openapi.json") * 3)
        begin_to_stop(watched)
        assert [connection.answer().status for _ in range(3)] == [200, 200, 200]
        assert connection.rest() == b""
