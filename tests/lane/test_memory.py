"""What a hostile connection makes the server keep: nothing that grows, while others are answered as before."""

import itertools
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from tests.harness.process import ServerProcess
from tests.lane.catalogue import chunked, raw
from tests.lane.connection import Connection
from tests.lane.watched import BOTH, LANE, memory_bytes, nobody, other_waits, wait_until_it_answers

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="the system does not show a process's memory"
)

MIB: Final = 2**20
SENT_BYTES: Final = 100 * MIB
MOST_GROWTH_BYTES: Final = 3 * MIB
MOST_ANSWER_SECONDS: Final = 2.0
"""How long somebody else may wait meanwhile, on a machine that does other things too."""

PATHS: Final = {"lane": "/v1/forward-auth", "management": "/v1/whoami"}
PIPELINED: Final = 400_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server as it is started, with the bounds that it has by default, which has answered a little of everything."""
    variables = {"WAYVO_LOG_LEVEL": "warning"}
    with ServerProcess(tmp_path_factory.mktemp("server"), variables=variables, ready="").starting() as started:
        wait_until_it_answers(started.port)
        for way in BOTH:
            with Connection(started.port) as connection:
                connection.send(nobody(way) * 2000)
                for _ in range(2000):
                    connection.answer()
        yield started


def endless(way: str, what: str) -> tuple[bytes, bytes]:
    """Return how a request begins that never ends, and what it goes on with."""
    path = PATHS[way]
    body = raw(f"POST {path}", "Transfer-Encoding: chunked")
    return {
        "a header": (raw(f"GET {path}")[:-2] + b"X: ", b"x"),
        "headers": (raw(f"GET {path}")[:-2], b"X: y\r\n"),
        "a name": (raw(f"GET {path}")[:-2], b"x"),
        "a URL": (b"GET " + path.encode(), b"/x"),
        "a method": (b"", b"M"),
        "empty lines": (b"", b"\r\n"),
        "a trailer": (body + b"0\r\nX: ", b"x"),
        "trailers": (body + b"0\r\n", b"X: y\r\n"),
        "a chunk extension": (body + b"1;", b"x"),
        "chunks": (body, chunked(b"x" * 1000).removesuffix(b"0\r\n\r\n")),
        "tiny chunks": (body, b"1\r\nx\r\n"),
        "a chunk": (body + b"fffffffff\r\n", b"x"),
        "a body": (raw(f"POST {path}", "Content-Length: 99999999999"), b"x"),
        "a question in chunks": (raw("POST /v1/verify", "Transfer-Encoding: chunked"), b"9\r\n123456789\r\n"),
    }[what]


ENDLESS: Final = (
    "a header",
    "headers",
    "a name",
    "a URL",
    "a method",
    "empty lines",
    "a trailer",
    "trailers",
    "a chunk extension",
    "chunks",
    "tiny chunks",
    "a chunk",
    "a body",
    "a question in chunks",
)


@pytest.mark.parametrize("way", BOTH)
@pytest.mark.parametrize("what", ENDLESS)
def test_what_never_ends_is_not_kept(server: ServerProcess, what: str, way: str) -> None:
    start, more = endless(way, what)
    block = more * (MIB // len(more))
    before = peak = memory_bytes(server.process.pid)
    with Connection(server.port) as connection:
        connection.send(start)
        for _ in range(SENT_BYTES // MIB if what != "tiny chunks" else 8):
            if not connection.try_to_send(block):
                break
            peak = max(peak, memory_bytes(server.process.pid))
        assert other_waits(server.port, way) < MOST_ANSWER_SECONDS
    assert max(peak, memory_bytes(server.process.pid)) - before < MOST_GROWTH_BYTES


@pytest.mark.parametrize("way", BOTH)
def test_half_a_request_on_each_of_many_connections_costs_what_it_may_have(server: ServerProcess, way: str) -> None:
    """Four hundred connections, each one byte short of the most that a head may have, or a question's body."""
    count, size = 400, 16_000
    head = raw(f"GET {PATHS[way]}")[:-2] + b"X: " + b"x" * size
    question = raw("POST /v1/verify", f"Content-Length: {size + 1}") + b"x" * size
    before = memory_bytes(server.process.pid)
    connections = [Connection(server.port) for _ in range(count)]
    try:
        for connection, data in zip(connections, itertools.cycle((head, question)), strict=False):
            connection.send(data)
        assert other_waits(server.port, way) < MOST_ANSWER_SECONDS
        assert memory_bytes(server.process.pid) - before < count * (size + 32_768)
    finally:
        for connection in connections:
            connection.socket.close()


@pytest.mark.parametrize("way", BOTH)
def test_who_asks_without_reading_is_answered_only_as_far_as_the_buffers_go(server: ServerProcess, way: str) -> None:
    request = raw(f"GET {PATHS[way]}")
    data = memoryview(request * PIPELINED)
    before = peak = memory_bytes(server.process.pid)
    with Connection(server.port, receive_bytes=65_536) as connection:
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        connection.socket.settimeout(0.0)
        sent, attempts = 0, 0
        while attempts < 20 and sent < len(data):
            try:
                sent += connection.socket.send(data[sent : sent + 65_536])
                attempts = 0
            except BlockingIOError:
                # Each of these answers gives the server the time to take more, if it would.
                assert other_waits(server.port, way) < MOST_ANSWER_SECONDS
                attempts += 1
            peak = max(peak, memory_bytes(server.process.pid))
        assert sent < len(data), "the server took all of it"
        assert peak - before < MOST_GROWTH_BYTES
        # Once it reads, it gets the answer to each request that it sent, and can go on.
        connection.socket.settimeout(30)
        for _ in range(sent // len(request)):
            assert connection.answer().status == 401
        connection.send(request[sent % len(request) :])
        assert connection.answer().status == 401
    assert memory_bytes(server.process.pid) - before < MOST_GROWTH_BYTES


def test_many_who_ask_without_reading_hold_nobody_up(server: ServerProcess) -> None:
    before = memory_bytes(server.process.pid)
    data = nobody(LANE) * 20_000
    sockets = []
    for _ in range(50):
        connection = Connection(server.port, receive_bytes=4096)
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        connection.socket.settimeout(0.0)
        sockets.append(connection)
    try:
        for connection in sockets * 4:
            with suppress(BlockingIOError):
                connection.socket.send(data)
        assert other_waits(server.port, LANE) < MOST_ANSWER_SECONDS
        # What the parser's turn produces, what waits to be parsed, and the transport's own buffer.
        assert memory_bytes(server.process.pid) - before < len(sockets) * 700_000
    finally:
        for connection in sockets:
            connection.socket.close()
