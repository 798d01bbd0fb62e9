"""A server whose connections' time the test turns, with bounds of the test's own; and what a process's memory holds."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from tests.harness.server import RunningServer
from tests.lane.catalogue import AUTH, bearer, raw
from tests.lane.connection import Connection
from tests.lane.ways import turns
from wayvo.installation import Installation

LANE: Final = "lane"
MANAGEMENT: Final = "management"
BOTH: Final = (LANE, MANAGEMENT)


class Watched:
    """A running server and the watch over its connections."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.port = int(server.url.rpartition(":")[2])
        self.guard = server.door.guard
        self.limits = self.guard.limits

    def bound(self, **limits: Any) -> None:
        """Set other bounds."""
        self.guard.limits = replace(self.limits, **limits)

    def connect(self, data: bytes = b"") -> Connection:
        """Return a connection on which ``data`` has come to the server."""
        connection = Connection(self.port)
        self.send(connection, data)
        return connection

    def send(self, connection: Connection, data: bytes) -> None:
        """Send, and let the server deal with it."""
        connection.send(data)
        self.settle()

    def settle(self) -> None:
        """Let the server deal with whatever has come."""
        self.server.call(turns)

    def turn(self, seconds: float) -> None:
        """End the connections whose time would be over in so many seconds."""

        async def check(_: Installation) -> None:
            now = asyncio.get_running_loop().time()
            self.guard.check(now + seconds)
            self.guard.now = now

        self.server.call(check)
        self.settle()

    def head(self, way: str, *lines: str, method: str = "GET") -> bytes:
        """Return a request that is granted, for a path of the lane or of the management API."""
        path = {("lane", "GET"): "/v1/forward-auth", ("lane", "POST"): "/v1/verify"}.get((way, method))
        other = "/v1/whoami" if method == "GET" else "/v1/api-keys"
        return raw(f"{method} {path or other}", bearer(self.server.key), *lines)


def nobody(way: str) -> bytes:
    """Return a small request that is denied."""
    return raw(f"GET {AUTH if way == LANE else '/v1/whoami'}")


def memory_bytes(process: int) -> int:
    """Return what a process holds in memory."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def other_waits(port: int, way: str) -> float:
    """Return how long somebody else waits for an answer."""
    with Connection(port) as connection:
        start = time.perf_counter()
        assert connection.ask(nobody(way)).status == 401
        return time.perf_counter() - start


def wait_until_it_answers(port: int) -> None:
    """Return when a server that logs nothing is ready."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            with Connection(port) as connection:
                if connection.ask(raw("GET /readyz")).status == 200:
                    return
        except ConnectionRefusedError:
            continue
    raise TimeoutError
