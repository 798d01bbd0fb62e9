"""What else can happen on a connection: failures of our own, clients that vanish, what is no HTTP, old clients."""

import logging
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.leaks import leaked
from tests.harness.process import ServerProcess
from tests.harness.server import RunningServer
from tests.lane.catalogue import bearer, chunked, raw
from tests.lane.connection import Connection
from tests.lane.watched import BOTH, LANE, MANAGEMENT, Watched, nobody, wait_until_it_answers
from tests.lane.ways import Tls, all_ways
from wayvo.gate.lanes import LaneHandler, Lanes
from wayvo.gate.ordinary_request import OrdinaryRequests
from wayvo.gate.wire import Answer, Request
from wayvo.installation import Installation
from wayvo.verify.handler import Loaded

EVERY_WAY = pytest.mark.parametrize("way", BOTH)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A server that tests share."""
    folder: Path = tmp_path_factory.mktemp("server")
    with RunningServer(folder) as server:
        yield Watched(server)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """A server for a test alone."""
    with RunningServer(tmp_path / "server") as server:
        yield Watched(server)


# A failure of our own


def fail(request: Request, _: Loaded) -> Answer:
    raise RuntimeError(f"{request!r} could not be answered")


def test_a_handler_that_fails_is_answered_as_a_failure_and_logged_without_what_was_presented(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    lanes = LaneHandler("/v1/verify", fail, 100), LaneHandler("/v1/forward-auth", fail, None, always=((b"x-a", b""),))
    guard = watched.guard
    guard.lanes = Lanes(*lanes)
    guard.ordinary = OrdinaryRequests(guard.lanes, guard.request_ids)
    key = watched.server.key
    with caplog.at_level(logging.ERROR), watched.connect() as connection:
        for request in (
            raw("GET /v1/forward-auth", bearer(key)),
            raw("PUT /v1/forward-auth", bearer(key)),
            raw("POST /v1/verify", bearer(key), body=key.encode()),
            raw("GET /v1/verify", bearer(key), f"Wayvo-Credential: {key}"),
        ):
            answer = connection.ask(request)
            assert (answer.status, answer.problem["code"]) == (500, "internal_error")
            assert answer.problem["request_id"] in caplog.text
        assert connection.ask(nobody(MANAGEMENT)).status == 401, "the connection goes on"
        assert connection.ask(raw("GET /v1/forward-auth")).header("x-a") == ""
    assert "Traceback" in caplog.text
    assert not leaked(caplog.text)
    assert key not in caplog.text


# Clients that vanish


def reset(connection: Connection) -> None:
    """Go away without a word."""
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.socket.close()


@EVERY_WAY
@pytest.mark.parametrize("leave", [reset, lambda connection: connection.socket.close()])
def test_a_client_that_leaves_in_the_middle_leaves_nothing_behind(
    shared: Watched, way: str, leave: object, caplog: pytest.LogCaptureFixture
) -> None:
    head = shared.head(way, "Content-Length: 20", method="POST")
    pieces = (b"", head[:30], head, head + b"{", head + b" " * 20, nobody(way) * 50, nobody(way) + head, b"\r\n")
    with caplog.at_level(logging.WARNING):
        for data in pieces:
            for settled in (False, True):
                connection = Connection(shared.port)
                connection.send(data)
                if settled:
                    shared.settle()
                assert callable(leave)
                leave(connection)
        with shared.connect() as another:
            assert another.ask(shared.head(way)).status == 200
        for _ in range(100):
            shared.settle()
            if not shared.guard.connections:
                break
    assert not shared.guard.connections
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_clients_that_vanish_before_their_answers_are_no_failures(tmp_path: Path) -> None:
    """The loop that serves for real does not bear a write to a connection that is gone."""
    with ServerProcess(tmp_path, variables={"WAYVO_LOG_LEVEL": "warning"}, ready="") as server:
        wait_until_it_answers(server.port)
        key = bearer(server.found()["api_key"])
        # While the first of two is being written to the disk, its client goes away.
        written = raw("POST /v1/projects", key, body=b'{"name": "Never answered"}')
        with Connection(server.port) as another:
            for queued in (raw("GET /healthz"), raw("GET /v1/whoami", key) * 3, raw("GET /healthz")[:-2]) * 12:
                connections = [Connection(server.port) for _ in range(10)]
                for connection in connections:
                    connection.send(written + queued)
                assert another.ask(raw("GET /healthz")).status == 200
                for connection in connections:
                    reset(connection)
            assert another.ask(raw("GET /v1/whoami", key)).status == 200
        assert server.log.text == ""


@EVERY_WAY
def test_a_client_that_ends_its_half_behind_the_request_gets_its_answer(shared: Watched, way: str) -> None:
    with shared.connect() as connection:
        connection.send(shared.head(way))
        connection.socket.shutdown(socket.SHUT_WR)
        assert connection.answer().status == 200
        assert connection.rest() == b""


# Expectations


@EVERY_WAY
def test_who_waits_to_be_told_to_go_on_is_told_once(shared: Watched, way: str) -> None:
    body = b'{"credential": "x"}' if way == LANE else b'{"name": 1}'
    for framing, data in ((f"Content-Length: {len(body)}", body), ("Transfer-Encoding: chunked", chunked(body, 4))):
        with shared.connect(shared.head(way, "Expect: 100-continue", framing, method="POST")) as connection:
            told = connection.socket.recv(65_536)
            assert told == b"HTTP/1.1 100 Continue\r\n\r\n"
            answer = connection.ask(data)
            assert answer.status == (200 if way == LANE else 422)
            assert b"100 Continue" not in answer.raw
            assert connection.ask(nobody(way)).status == 401


@pytest.mark.parametrize("target", ["POST /v1/forward-auth", "POST /v1/api-keys", "POST /v1/verify"])
def test_who_is_answered_instead_of_told_to_go_on_has_to_connect_anew(shared: Watched, target: str) -> None:
    """Whether its body comes nobody knows: what comes next must be taken for neither a body nor a request."""
    head = raw(target, "Expect: 100-continue", "Content-Length: 99999")
    with shared.connect(head) as connection:
        answer = connection.answer()
        assert (answer.status, answer.is_last) == (413 if "verify" in target else 401, True)
        connection.try_to_send(nobody(LANE))
        assert connection.rest() == b""


# What is no HTTP


def test_what_is_no_tls_is_not_answered_and_hurts_nobody(watched: Watched, tmp_path: Path) -> None:
    tls = Tls(tmp_path)
    with all_ways(watched.server, tmp_path) as ways, Connection(ways.over_tls, ways.tls) as good:
        for garbage in (nobody(LANE), os.urandom(2000), b"\x16\x03\x01\xff\xff" + os.urandom(500), b"\0" * 9000):
            with Connection(ways.over_tls) as bad:
                bad.try_to_send(garbage)
                assert b"HTTP/" not in bad.rest()
        with pytest.raises(OSError, match="certificate verify failed"):
            Connection(ways.over_tls, tls.client)
        assert good.ask(nobody(LANE)).status == 401
        assert good.ask(nobody(MANAGEMENT)).status == 401


@EVERY_WAY
@pytest.mark.parametrize("protocol", ["websocket", "h2c", "TLS/1.0", "x"])
def test_an_upgrade_is_answered_as_an_ordinary_request_and_what_follows_is_not_read(
    shared: Watched, way: str, protocol: str
) -> None:
    request = shared.head(way, f"Upgrade: {protocol}", "Connection: upgrade", "Sec-WebSocket-Version: 13")
    with shared.connect(request + b"\x81\x05hello" + nobody(way)) as connection:
        answer = connection.answer()
        assert (answer.status, answer.is_last) == (200, True)
        assert connection.rest() == b""


@EVERY_WAY
def test_an_old_client_is_answered_and_its_connection_ended(shared: Watched, way: str) -> None:
    request = shared.head(way).replace(b"HTTP/1.1", b"HTTP/1.0")
    with shared.connect(request + nobody(way)) as connection:
        answer = connection.answer()
        assert (answer.status, answer.is_last) == (200, True)
        assert connection.rest() == b""


# The time of an answer


@EVERY_WAY
def test_every_answer_has_one_date(shared: Watched, way: str) -> None:
    with shared.connect() as connection:
        answer = connection.ask(shared.head(way))
    assert answer.raw.count(b"\r\ndate: ") == 1
    assert str(answer.header("date")).endswith(" GMT")


def test_the_requests_of_both_ways_are_counted(watched: Watched) -> None:
    async def count(_: Installation) -> int:
        total: int = watched.server._server.server_state.total_requests
        return total

    before = watched.server.call(count)
    with watched.connect() as connection:
        for way in BOTH:
            connection.ask(nobody(way))
    assert watched.server.call(count) == before + 2
