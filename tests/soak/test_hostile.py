"""Hostile traffic for minutes: honest clients hardly notice, memory stays flat, and nothing is left behind.

SOAK_MINUTES says how long (5 if it is left out), SEED makes a run again as it was. An hour:
``SOAK_MINUTES=60 make soak SOAK_SECONDS=6000 PYTEST="-k hostile -o faulthandler_timeout=5000"``
"""

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from tests.architecture.project import ROOT
from tests.harness.process import ServerProcess
from tests.lane.catalogue import bearer, raw
from tests.lane.connection import Connection
from tests.lane.watched import memory_bytes, wait_until_it_answers

MINUTES: Final = float(os.environ.get("SOAK_MINUTES") or 5)
ALONE_SECONDS: Final = 10.0
SAMPLE_SECONDS: Final = 2.0
HONEST: Final = 2
MOST_GROWTH_BYTES: Final = 4 * 2**20
LEAST_RATIO: Final = 0.5
"""Far enough below the 0.7 that we aim at, and print, that a neighbour of the machine does not decide about it."""
LEFT_SECONDS: Final = 120.0
"""Longer than any deadline of a connection."""


class Honest:
    """A client that asks as quickly as it is answered, on one connection, and wants the right answer each time."""

    def __init__(self, port: int, key: str) -> None:
        body = json.dumps({"credential": key}).encode()
        passed, asked = raw("GET /v1/forward-auth", bearer(key)), raw("POST /v1/verify", bearer(key), body=body)
        self._requests = (passed, passed, asked, passed, raw("GET /v1/forward-auth"), asked, passed)
        self._managed = raw("GET /v1/whoami", bearer(key))
        self._port = port
        self.statuses: Counter[int] = Counter()
        self.failure: BaseException | None = None
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="honest")
        self._thread.start()

    @property
    def count(self) -> int:
        """How many answers it got."""
        return self.statuses.total()

    def stop(self) -> None:
        """Stop asking."""
        self._is_over.set()
        self._thread.join(60)

    def _run(self) -> None:
        try:
            with Connection(self._port) as connection:
                turn = 0
                while not self._is_over.is_set():
                    turn += 1
                    request = self._managed if turn % 50 == 0 else self._requests[turn % len(self._requests)]
                    self.statuses[connection.ask(request).status] += 1
        except BaseException as error:  # noqa: BLE001 - handed to the test's thread
            self.failure = error


def pass_time(seconds: float, note: Callable[[], None] = lambda: None) -> None:
    """Let time pass, and note something again and again."""
    never, end = threading.Event(), time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        never.wait(min(left, SAMPLE_SECONDS))
        note()


def open_connections(port: int) -> int:
    """Return how many connections the system says are open at the server's end, or half closed."""
    rows = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    fields = (row.split() for row in rows)
    return sum(field[1].endswith(f":{port:04X}") and field[3] in ("01", "08") for field in fields)


def wait_until_all_are_gone(port: int) -> int:
    """Return how many connections are left when none is to be left."""
    end = time.monotonic() + LEFT_SECONDS
    while (left := open_connections(port)) and time.monotonic() < end:
        pass_time(1)
    return left


@pytest.mark.soak
@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="the system does not show its connections")
def test_hostile_clients_cost_the_honest_ones_little_and_the_server_nothing_that_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get("SEED") or int.from_bytes(os.urandom(4)))
    variables = {"WAYVO_LOG_LEVEL": "warning"}
    memory: list[int] = []
    with ServerProcess(tmp_path, variables=variables, ready="") as server, ExitStack() as stack:
        wait_until_it_answers(server.port)
        key = server.found()["api_key"]
        honest = [Honest(server.port, key) for _ in range(HONEST)]
        for client in honest:
            stack.callback(client.stop)
        before = rate(honest, ALONE_SECONDS)
        command = [sys.executable, "-m", "tests.soak.hostile", str(server.port), str(seed)]
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as hostile:
            assert hostile.stdin is not None
            hostile.stdin.write(f"{key}\n")
            hostile.stdin.flush()
            among = rate(honest, MINUTES * 60, lambda: memory.append(memory_bytes(server.process.pid)))
            report = json.loads(hostile.communicate(timeout=60)[0])
        after = rate(honest, ALONE_SECONDS)
        stack.close()
        left = wait_until_all_are_gone(server.port)
        log = server.log.text
    third = len(memory) // 3
    grown = statistics.median(memory[-third:]) - statistics.median(memory[third : 2 * third])
    ratio = among / ((before + after) / 2)
    with capsys.disabled():
        sys.stdout.write(
            f"\nhostile: {report}\nhonest: {before:.0f}/s alone, {among:.0f}/s among them, {after:.0f}/s after: "
            f"{ratio:.2f}\nmemory: {memory[third] / 2**20:.1f} MiB, grown by {grown / 2**20:.2f} MiB\n"
        )
    assert report["failures"] == []
    assert [client.failure for client in honest] == [None] * HONEST
    assert {status for client in honest for status in client.statuses} == {200, 401}
    assert left == 0, "connections are stuck"
    assert log == ""
    assert grown < MOST_GROWTH_BYTES
    assert ratio >= LEAST_RATIO


def rate(honest: list[Honest], seconds: float, note: Callable[[], None] = lambda: None) -> float:
    """Return how many answers the honest clients get in a second."""
    start, before = time.monotonic(), sum(client.count for client in honest)
    pass_time(seconds, note)
    return (sum(client.count for client in honest) - before) / (time.monotonic() - start)
