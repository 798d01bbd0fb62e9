"""``--workers``: several processes on one address, which are started again, drained, and never left behind."""

import os
import random
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.harness.engine import nodes_variables
from tests.harness.process import ServerProcess, run_wayvo
from tests.harness.proxy import eventually
from tests.harness.server import Client, free_port

SERVING = '"event": ?"serving"'
STARTED = "worker started"

needs_postgresql = pytest.mark.needs("postgresql")


class Workers(ServerProcess):
    """``wayvo serve --workers 2``, with the metrics of each on a port of its own."""

    def __init__(self, folder: Path, url: str) -> None:
        self.metrics_port = two_free_ports()
        variables = {**nodes_variables(url), "WAYVO_METRICS_BIND": f"127.0.0.1:{self.metrics_port}"}
        super().__init__(folder, "--workers", "2", variables=variables, ready="")
        self.key = self.found()["api_key"]

    def pids(self) -> dict[int, int]:
        """Return each worker's present process."""
        return {entry["worker"]: entry["pid"] for entry in self.entries_of(STARTED)}

    def wait_until_serving(self, count: int) -> None:
        """Wait until so many workers have begun to serve since the start."""
        self.log.wait_for(SERVING, count)

    def decisions(self, worker: int) -> float:
        """Return how many credentials a worker has found valid."""
        (found,) = re.findall(r'^wayvo_decisions_total\{code="valid"\} (\S+)$', self.metrics(worker), re.MULTILINE)
        return float(found)

    def metrics(self, worker: int) -> str:
        """Return a worker's metrics."""
        return httpx.get(f"http://127.0.0.1:{self.metrics_port + worker}/metrics", trust_env=False).text

    def call(self) -> bool:
        """Call the API on a connection of its own; say whether that went well."""
        try:
            with Client(self.url, self.key) as client:
                return client.get("/v1/whoami").status_code == 200
        except httpx.TransportError:
            return False

    def kill_orphans(self) -> None:
        """End workers that have outlived their supervisor."""
        if not self.log.is_closed:
            for pid in self.pids().values():
                os.kill(pid, signal.SIGKILL)

    def is_answering(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        except OSError:
            return False
        return True


@pytest.fixture
def workers(database_url: str, tmp_path: Path) -> Iterator[Workers]:
    with Workers(tmp_path, database_url) as server:
        server.wait_until_serving(2)
        yield server


def two_free_ports() -> int:
    """Return a port that nobody listens on, nor on the next; below those that the system gives to connections."""
    while True:
        port = random.randrange(20_000, 32_000)
        try:
            with socket.create_server(("127.0.0.1", port)), socket.create_server(("127.0.0.1", port + 1)):
                return port
        except OSError:
            continue


@needs_postgresql
def test_every_worker_answers_and_what_one_was_told_all_know(workers: Workers) -> None:
    eventually(lambda: workers.call() and all(workers.decisions(worker) for worker in (0, 1)), "both have answered")
    with Client(workers.url, workers.key) as client:
        key = client.post("/v1/api-keys", json={"name": "A key", "scopes": ["users:read"]}).json()

    def status() -> int:
        with Client(workers.url, key["api_key"]) as client:
            return client.get("/v1/whoami").status_code

    assert [status() for _ in range(20)] == [200] * 20
    with Client(workers.url, workers.key) as client:
        client.post(f"/v1/api-keys/{key['id']}/revoke").raise_for_status()
    eventually(lambda: [status() for _ in range(20)] == [401] * 20, "it is revoked at every worker", 1)


@needs_postgresql
def test_a_worker_that_was_killed_is_replaced(workers: Workers) -> None:
    before = workers.pids()
    os.kill(before[1], signal.SIGKILL)
    workers.wait_until_serving(3)
    after = workers.pids()
    assert after[0] == before[0]
    assert after[1] != before[1]
    assert "worker died" in workers.log.text
    served = workers.decisions(1)
    eventually(lambda: workers.call() and workers.decisions(1) > served, "the new worker answers")


@needs_postgresql
def test_a_certificate_signal_reaches_the_workers_and_ends_none(workers: Workers) -> None:
    before = workers.pids()
    workers.send_signal(signal.SIGHUP)
    assert all(workers.call() for _ in range(20))
    assert workers.pids() == before


@needs_postgresql
def test_workers_end_with_their_supervisor_however_it_ended(workers: Workers) -> None:
    workers.process.kill()
    workers.process.wait()
    try:
        # The log is closed when the last process has ended that could write to it.
        eventually(lambda: workers.log.is_closed, "the end of the last worker")
        assert not workers.is_answering()
    finally:
        workers.kill_orphans()


@needs_postgresql
def test_when_it_is_told_to_stop_every_request_is_finished_and_no_worker_is_left(workers: Workers) -> None:
    body = b'{"name": "The last"}'
    head = (
        f"POST /v1/projects HTTP/1.1\r\nHost: wayvo\r\nAuthorization: Bearer {workers.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connections = [socket.create_connection(("127.0.0.1", workers.port), timeout=30) for _ in range(8)]
    for connection in connections:
        connection.sendall(head.encode() + body[:5])
    # Whoever has taken these requests has taken what came before on the same connections.
    assert all(workers.call() for _ in range(20))
    workers.send_signal(signal.SIGTERM)
    eventually(lambda: not workers.is_answering(), "nobody takes new connections")
    for connection in connections:
        connection.sendall(body[5:])
        assert connection.recv(65_536).startswith(b"HTTP/1.1 201 ")
        connection.close()
    assert workers.wait() == 0
    assert len(workers.entries_of("stopped")) == 2


@needs_postgresql
def test_workers_that_die_as_soon_as_they_start_end_the_whole(database_url: str, tmp_path: Path) -> None:
    server = Workers(tmp_path, database_url)
    # The second worker's metrics can't be served.
    with socket.create_server(("127.0.0.1", server.metrics_port + 1)), server:
        assert server.wait() == 1
        assert "workers die as soon as they start" in server.log.text
        assert "WAYVO_METRICS_BIND" in server.log.text
        assert not server.is_answering()


def test_several_workers_on_sqlite_are_refused_and_the_setting_is_named(tmp_path: Path) -> None:
    given = {"WAYVO_DATA_DIR": str(tmp_path / "data"), "WAYVO_BIND": f"127.0.0.1:{free_port()}"}
    for refused in (
        run_wayvo("serve", "--workers", "2", folder=tmp_path, variables=given),
        run_wayvo("serve", folder=tmp_path, variables={**given, "WAYVO_WORKERS": "2"}),
    ):
        assert refused.returncode == 2
        assert "WAYVO_WORKERS" in refused.stderr
        assert "PostgreSQL" in refused.stderr
    assert not (tmp_path / "data").exists()
