"""Hostile clients, a bounded number of them, in a process of their own: ``python -m tests.soak.hostile PORT SEED``.

The key to mutate requests with comes on the first line of stdin; the end of stdin ends them all. What they did is then
printed as JSON: how often each kind did what it does, and what of it was answered as a failure of the server.
"""

import asyncio
import json
import random
import socket
import struct
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from tests.lane.catalogue import bearer, chunked, raw
from wayvo.core.credentials.format import Mode, mint

FUZZERS, SLOW, FLOODERS, DEAF, CHURNERS = 4, 40, 2, 4, 2
"""How many clients of each kind there are."""

READ_SECONDS: Final = 0.02
TOKENS: Final = (
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b"0\r\n\r\n", b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Expect: 100-continue\r\n", b"Connection: close\r\n", b"Upgrade: h2c\r\n", b"HTTP/1.0", b"\xff", b"%00", b"/../",
    b"Authorization: ", b"X-Forwarded-For: 127.0.0.1\r\n", b"A" * 9000, b"ffffffffffffffff\r\n", b"POST / HTTP/1.1\r\n",
)  # fmt: skip

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def seeds_of(key: str) -> list[bytes]:
    """Return the valid requests that are mutated."""
    authority, coding = bearer(key), "Transfer-Encoding: chunked"
    body = b'{"credential": "x", "scopes": ["a:b"]}'
    return [
        raw("GET /v1/forward-auth?audience=https://a.example", authority),
        raw("POST /v1/forward-auth/orders/17", authority, body=b"body"),
        raw("POST /v1/verify", authority, body=body),
        raw("POST /v1/verify", authority, coding) + chunked(body, 5, 9, trailers=b"X: y\r\n"),
        raw("GET /v1/verify", authority, "Wayvo-Credential: x"),
        raw("GET /v1/whoami", authority),
        raw("GET /v1/api-keys?limit=3", authority),
        raw("POST /v1/projects", authority, coding) + chunked(b'{"name": ""}', 3),
        raw("OPTIONS /v1/users"),
        raw("HEAD /healthz"),
    ]


def mutated(source: random.Random, seeds: list[bytes]) -> bytes:
    """Return something that was a request once."""
    data = bytearray(b"".join(source.sample(seeds, source.randint(1, 3))))
    for _ in range(source.randint(1, 6)):
        start = source.randrange(len(data) + 1)
        end = min(len(data), start + source.choice((1, 1, 1, 2, 5, 40)))
        match source.randrange(6):
            case 0:
                data[start:end] = source.randbytes(end - start)
            case 1:
                del data[start:end]
            case 2:
                data[start:start] = source.choice(TOKENS)
            case 3:
                data[start:start] = data[start:end] * source.choice((1, 2, 50))
            case 4:
                data[start:end] = bytes(data[start:end]).swapcase()
            case _:
                del data[end:]
    return bytes(data)


class Hostility:
    """All the hostile clients of one server."""

    def __init__(self, port: int, seed: int, key: str) -> None:
        self._port = port
        self._seed = seed
        self._seeds = seeds_of(key)
        self._key = key
        self._is_over = asyncio.Event()
        self.counts: Counter[str] = Counter()
        self.failures: list[str] = []

    async def run(self) -> None:
        """Go on until stdin ends."""
        kinds: list[tuple[int, Callable[[random.Random], Awaitable[None]]]] = [
            (FUZZERS, self._fuzz),
            (SLOW, self._dawdle),
            (FLOODERS, self._flood),
            (DEAF, self._ask_without_reading),
            (CHURNERS, self._come_and_go),
        ]
        async with asyncio.TaskGroup() as group:
            for count, client in kinds:
                for number in range(count):
                    source = random.Random(f"{self._seed} {client.__name__} {number}")
                    group.create_task(self._again_and_again(client, source))
            await asyncio.to_thread(sys.stdin.read)
            self._is_over.set()

    async def _again_and_again(self, client: Callable[[random.Random], Awaitable[None]], source: random.Random) -> None:
        while not self._is_over.is_set():
            with suppress(OSError, asyncio.IncompleteReadError):
                await client(source)
            self.counts[client.__name__] += 1
            await self._pause(0.01)

    async def _pause(self, seconds: float) -> bool:
        """Let time pass; say whether there is still something to do."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._is_over.wait(), seconds)
        return not self._is_over.is_set()

    async def _open(self) -> Connection:
        return await asyncio.open_connection("127.0.0.1", self._port)

    async def _fuzz(self, source: random.Random) -> None:
        data = mutated(source, self._seeds)
        reader, writer = await self._open()
        try:
            cut = source.randrange(len(data) + 1) if source.random() < 0.5 else len(data)
            writer.write(data[:cut])
            await self._pause(0.002)
            writer.write(data[cut:])
            received = b""
            with suppress(TimeoutError):
                async with asyncio.timeout(READ_SECONDS):
                    while chunk := await reader.read(65_536):
                        received += chunk
            if b"HTTP/1.1 5" in received and b"HTTP/1.1 503" not in received:
                self.failures.append(f"fuzz {self.counts['_fuzz']}: {received[:60]!r} to {len(data)} bytes")
        finally:
            await _close(writer, source)

    async def _dawdle(self, source: random.Random) -> None:
        data = source.choice(self._seeds)
        reader, writer = await self._open()
        try:
            for position in range(len(data)):
                writer.write(data[position : position + 1])
                if reader.at_eof() or not await self._pause(source.uniform(0.1, 2.0)):
                    return
                await writer.drain()
        finally:
            await _close(writer, source)

    async def _flood(self, source: random.Random) -> None:
        reader, writer = await self._open()
        try:
            for _ in range(20):
                keys = [mint("wv", Mode.LIVE, source.randbytes(32)) for _ in range(10)]
                writer.write(b"".join(raw("GET /v1/forward-auth", bearer(key)) for key in keys))
                for _ in keys:
                    head = (await reader.readuntil(b"\r\n\r\n")).lower()
                    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
                    await reader.readexactly(length)
                    if not head.startswith(b"http/1.1 401"):
                        self.failures.append(f"flood: {head[:60]!r}")
                if not await self._pause(0.05):
                    return
        finally:
            await _close(writer, source)

    async def _ask_without_reading(self, source: random.Random) -> None:
        data = raw("GET /v1/forward-auth") * 500
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(connection, ("127.0.0.1", self._port))
            while not self._is_over.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(1 + source.random()):
                        await loop.sock_sendall(connection, data)

    async def _come_and_go(self, source: random.Random) -> None:
        _, writer = await self._open()
        writer.write(source.choice((b"", b"G", raw("GET /v1/forward-auth"), b"\x16\x03\x01")))
        await _close(writer, source)


async def _close(writer: asyncio.StreamWriter, source: random.Random) -> None:
    if source.random() < 0.3:
        connection: socket.socket = writer.get_extra_info("socket")
        with suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def main() -> None:
    """Be hostile until told otherwise."""
    port, seed = int(sys.argv[1]), int(sys.argv[2])
    hostility = Hostility(port, seed, sys.stdin.readline().strip())
    await hostility.run()
    sys.stdout.write(json.dumps({"seed": seed, "counts": hostility.counts, "failures": hostility.failures[:20]}) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
