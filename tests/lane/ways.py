"""One application, served several ways at once: by the lane, by ASGI alone, over TLS, and cut into segments.

All of them share the keys, the cache and the clock, so that their answers can be compared byte by byte.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import trustme
import uvicorn

from tests.harness.server import RunningServer, configuration, free_port
from wayvo.app import Door
from wayvo.core.change import Change
from wayvo.edge.security_headers import machine_headers
from wayvo.gate.fast_lane import FastLaneProtocol
from wayvo.gate.guard import Guard
from wayvo.gate.lanes import Lanes
from wayvo.installation import Installation

STARTING_SECONDS: Final = 30
MOST_MINCED_BYTES: Final = 4096
"""How much of what comes at once is cut into single bytes: enough for a head and a question."""


class Cuts:
    """Where what comes next is cut into segments."""

    def __init__(self) -> None:
        self.positions: tuple[int, ...] = ()
        self.is_minced = False

    def segments(self, data: bytes) -> Iterator[bytes]:
        """Return ``data`` in pieces."""
        inner = (
            range(1, min(len(data), MOST_MINCED_BYTES))
            if self.is_minced
            else [at for at in self.positions if 0 < at < len(data)]
        )
        bounds = (0, *inner, len(data))
        return (data[start:end] for start, end in pairwise(bounds))


class CutProtocol(FastLaneProtocol):
    """The lane as it would be if the network had cut what comes; the loop goes round between two segments."""

    cuts: Cuts

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._segments: deque[bytes] = deque()

    def data_received(self, data: bytes) -> None:
        is_idle = not self._segments
        self._segments.extend(self.cuts.segments(data))
        if is_idle:
            self._pass_on()

    def _pass_on(self) -> None:
        if self.transport.is_closing():
            return
        super().data_received(self._segments[0])
        self._segments.popleft()
        if self._segments:
            self.loop.call_soon(self._pass_on)


class Tls:
    """A certificate for this machine, and who trusts it."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        issued = authority.issue_cert("127.0.0.1")
        self.cert, self.key = folder / "cert.pem", folder / "key.pem"
        self.cert.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(self.key)
        self.client = ssl.create_default_context()
        authority.configure_trust(self.client)

    @property
    def options(self) -> dict[str, Any]:
        """uvicorn's options."""
        return {"ssl_certfile": str(self.cert), "ssl_keyfile": str(self.key)}


class Ways:
    """The ports of the same application."""

    def __init__(self, server: RunningServer, tls: Tls) -> None:
        self.cuts = Cuts()
        self.tls = tls.client
        door = server.door
        cut = type("Cut", (CutProtocol,), {"guard": door.guard, "cuts": self.cuts})
        plain = _without_lanes(door)
        plain_cut = type("PlainCut", (CutProtocol,), {"guard": plain, "cuts": self.cuts})
        self._servers: list[uvicorn.Server] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.lane = self._serve(server, door)
        self.asgi = self._serve(server, Door(door.application, plain))
        self.over_tls = self._serve(server, door, **tls.options)
        self.cut = self._serve(server, door, http=cut)
        self.asgi_cut = self._serve(server, door, http=plain_cut)
        self._running = server

    def _serve(self, running: RunningServer, door: Door, **options: Any) -> int:
        port = free_port()
        server = uvicorn.Server(configuration(door, port, **options))
        self._servers.append(server)

        async def start(_: Installation) -> asyncio.Task[None]:
            task = asyncio.create_task(server.serve())
            await until(lambda: server.started)
            return task

        self._tasks.append(running.call(start))
        return port

    def stop(self) -> None:
        """Stop serving."""

        async def stop(_: Installation) -> None:
            for server in self._servers:
                server.should_exit = True
            await asyncio.gather(*self._tasks)

        self._running.call(stop)


def _without_lanes(door: Door) -> Guard:
    guard = door.guard
    return Guard(
        Lanes(),
        guard.problems,
        request_ids=guard.request_ids,
        security_headers=machine_headers(is_https=False),
        limits=guard.limits,
    )


@contextmanager
def all_ways(server: RunningServer, folder: Path) -> Iterator[Ways]:
    """Serve a running server's application every way."""
    ways = Ways(server, Tls(folder))
    try:
        yield ways
    finally:
        ways.stop()


def cool(server: RunningServer, *credentials: str) -> int:
    """Forget what is known of the credentials; return how often something was not in memory so far."""

    async def forget(installation: Installation) -> int:
        for credential in credentials:
            digest = installation.digester(credential.encode())
            installation.bus.publish(Change("credential", digest.hex(), 0))
        lane: Any = server.door.guard.lanes.all[0].handler
        misses: int = lane._verifier._cache.misses
        return misses

    return server.call(forget)


async def until(is_so: Callable[[], bool]) -> None:
    """Let the loop go round until it is so."""
    async with asyncio.timeout(STARTING_SECONDS):
        while not is_so():  # noqa: ASYNC110 - what is waited for are the server's own attributes
            await asyncio.sleep(0)


async def turns(_: Installation) -> None:
    """Let the loop go round, so that it deals with whatever has come."""
    for _turn in range(8):
        await asyncio.sleep(0)
