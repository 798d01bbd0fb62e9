"""How many connections there may be, what each costs, and what the system grants."""

import resource
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.harness.process import ServerProcess
from tests.harness.server import RunningServer
from tests.lane.connection import Connection
from tests.lane.watched import BOTH, LANE, Watched, memory_bytes, nobody, other_waits

IDLE: Final = 10_000
MOST_IDLE_BYTES: Final = 10_000
"""What an idle connection may cost the process: its protocol, parser, transport and their timers."""

MOST_WAIT_SECONDS: Final = 2.0


@contextmanager
def open_files(soft: int) -> Iterator[None]:
    """Let this process, and what it starts meanwhile, have so many open files."""
    before, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, hard))


class Confined(ServerProcess):
    """A server to which the system grants few open files, for good."""

    def _start(self) -> None:
        super()._start()
        resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, (300, 300))


def grown(connections: int, open_descriptors: int = 500) -> int:
    """Return how many of ``connections`` this process and another can hold at a time."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return connections if hard == resource.RLIM_INFINITY else min(connections, hard - open_descriptors)


def test_ten_thousand_idle_connections_cost_little_and_hold_nobody_up(tmp_path: Path) -> None:
    count = grown(IDLE - 10)
    with open_files(256):
        # It starts with few, and takes what it may have.
        server = ServerProcess(tmp_path, variables={"WAYVO_MAX_CONNECTIONS": str(IDLE)})
        server.__enter__()
    with ExitStack() as stack, open_files(count + 500):
        stack.push(server.__exit__)
        key = server.found()["api_key"]
        client = server.client(key)
        assert client.get("/v1/forward-auth").status_code == 200
        before = memory_bytes(server.process.pid)
        connections = [stack.enter_context(Connection(server.port)) for _ in range(count)]
        for number, connection in enumerate(connections):
            # Half of them have asked for something, each another way.
            if number % 2 == 0:
                connection.send(nobody(BOTH[number // 2 % 2]))
        for number, connection in enumerate(connections):
            if number % 2 == 0:
                assert connection.answer().status == 401
        each = (memory_bytes(server.process.pid) - before) / count
        assert each < MOST_IDLE_BYTES
        for way in BOTH:
            assert max(other_waits(server.port, way) for _ in range(50)) < MOST_WAIT_SECONDS
        assert client.get("/v1/forward-auth").status_code == 200
        assert "WAYVO_MAX_CONNECTIONS" not in server.log.text


def test_where_the_system_grants_few_open_files_fewer_connections_are_kept_and_it_is_said(tmp_path: Path) -> None:
    with Confined(tmp_path, variables={"WAYVO_MAX_CONNECTIONS": "5000"}) as server, ExitStack() as stack:
        (entry,) = [entry for entry in server.entries() if "WAYVO_MAX_CONNECTIONS" in entry["event"]]
        assert (entry["level"], entry["possible"], entry["wanted"]) == ("warning", 100, 5000)
        key = server.found()["api_key"]
        kept = [stack.enter_context(Connection(server.port)) for _ in range(100)]
        for connection in kept:
            assert connection.ask(nobody(LANE)).status == 401
        for _ in range(50):
            with Connection(server.port) as refused:
                assert not refused.try_to_send(nobody(LANE)) or refused.rest() == b""
        # What needs a file of its own goes on working: the database, and whoever is connected.
        for connection in kept:
            assert connection.ask(nobody(LANE)).status == 401
        kept[0].socket.close()
        kept[1].socket.close()
        created = server.client(key).post("/v1/projects", json={"name": "With the last files"})
        assert created.status_code == 201


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """A server."""
    with RunningServer(tmp_path / "server") as server:
        yield Watched(server)


@pytest.mark.parametrize("way", BOTH)
def test_one_connection_too_many_is_ended_and_the_others_are_not(watched: Watched, way: str) -> None:
    watched.bound(connections=3)
    with ExitStack() as stack:
        kept = [stack.enter_context(watched.connect(nobody(way))) for _ in range(3)]
        with watched.connect() as refused:
            assert refused.rest() == b""
        for connection in kept:
            assert connection.answer().status == 401
            assert connection.ask(nobody(way)).status == 401
        kept[1].socket.close()
        watched.settle()
        with watched.connect() as another:
            assert another.ask(nobody(way)).status == 401
    watched.settle()
    assert len(watched.guard.connections) == 0
