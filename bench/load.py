"""Clients that keep a server busy: one request in flight on each connection, no more parsing than a status needs."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """What was answered: how often with which status, and after how many seconds."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        """Return the seconds within which ``share`` of the answers came."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class _Client(asyncio.Protocol):
    """Sends the next request as soon as the answer to the last one is whole."""

    def __init__(self, request: Callable[[], bytes | None], tally: Tally) -> None:
        self._request = request
        self._tally = tally
        self._buffer = b""
        self._sent = 0.0
        self._transport: asyncio.Transport
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - of the two kinds, TCP gives this one
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, blank, body = self._buffer.partition(b"\r\n\r\n")
        if not blank:
            return
        lowered = head.lower()
        start = lowered.index(b"content-length:") + len(b"content-length:")
        if len(body) < int(lowered[start:].split(b"\r\n", 1)[0]):
            return
        self._tally.statuses[int(head[9:12])] += 1
        self._tally.seconds.append(time.perf_counter() - self._sent)
        self._buffer = b""
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server hung up"))

    def _send(self) -> None:
        request = self._request()
        if request is None:
            self.done.set_result(None)
            self._transport.close()
            return
        self._sent = time.perf_counter()
        self._transport.write(request)


async def run(port: int, clients: int, request: Callable[[], bytes | None]) -> Tally:
    """Send what ``request`` gives over ``clients`` connections until it gives ``None``."""
    tally = Tally()
    loop = asyncio.get_running_loop()
    running = [
        (await loop.create_connection(lambda: _Client(request, tally), "127.0.0.1", port))[1] for _ in range(clients)
    ]
    await asyncio.gather(*(client.done for client in running))
    return tally


def http(method: str, path: str, key: str, body: bytes = b"") -> bytes:
    """Return a request."""
    return (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
