"""A hundred thousand different well-formed keys that nobody has made, through every door, leave nothing behind."""

import asyncio
import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest
from sqlalchemy import func, select

from tests.harness import engine
from tests.harness.process import ServerProcess
from wayvo.core.credentials.format import Mode, mint
from wayvo.store.engines import reading_engine
from wayvo.store.tables import last_batches, metadata

UNKNOWN: Final = 100_000
WARM_UP: Final = 400
CONNECTIONS: Final = 8
PIPELINED: Final = 25
MOST_GROWTH_BYTES: Final = 10 * 2**20
"""Half of what is promised: enough for ten thousand absences, and not for a hundred bytes of each key."""

Request = Callable[[str], bytes]


def request(head: str, *headers: str, body: str = "") -> bytes:
    lines = [f"{head} HTTP/1.1", "Host: a", *headers, f"Content-Length: {len(body)}", "", body]
    return "\r\n".join(lines).encode()


def doors(asker: str) -> list[Request]:
    """Return how to present a credential to each door, the first two on behalf of ``asker``."""
    authority = f"Authorization: Bearer {asker}"
    return [
        lambda key: request("POST /v1/verify", authority, body=f'{{"credential": "{key}"}}'),
        lambda key: request("GET /v1/verify", authority, f"Wayvo-Credential: {key}"),
        lambda key: request("GET /v1/verify", f"Authorization: Bearer {key}", "Wayvo-Credential: x"),
        lambda key: request("GET /v1/forward-auth", f"Authorization: Bearer {key}"),
        lambda key: request("GET /v1/whoami", f"Authorization: Bearer {key}"),
    ]


def keys(start: int, count: int) -> Iterator[str]:
    """Return ``count`` keys with right checksums."""
    return (mint("wv", Mode.LIVE, (2**199 + number).to_bytes(32)) for number in range(start, start + count))


async def send_all(port: int, requests: Iterable[bytes]) -> int:
    """Send the requests over a few connections; return how many answers said that the key is unknown."""
    waiting = iter(requests)
    counts = await asyncio.gather(*(_send(port, waiting) for _ in range(CONNECTIONS)))
    return sum(counts)


async def _send(port: int, waiting: Iterator[bytes]) -> int:
    unknown = 0
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while batch := list(itertools.islice(waiting, PIPELINED)):
        writer.write(b"".join(batch))
        for _ in batch:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            unknown += b'"code":"unknown"' in await reader.readexactly(length)
    writer.close()
    await writer.wait_closed()
    return unknown


def memory_bytes(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def row_counts(url: str) -> dict[str, int]:
    reader = reading_engine(url)
    with reader.connect() as connection:
        counted = {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
            # A node's own row, whoever asks: it comes with its first write, such as that of the last uses.
            if table is not last_batches
        }
    reader.dispose()
    return counted


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not show a process's memory")
def test_a_flood_of_unknown_keys_costs_neither_memory_nor_rows(tmp_path: Path) -> None:
    variables = engine.chosen().variables(tmp_path / "data")
    database = variables.get("WAYVO_DATABASE_URL", f"sqlite:///{tmp_path / 'data' / 'wayvo.db'}")
    server = ServerProcess(tmp_path, variables={**variables, "WAYVO_LOG_LEVEL": "warning"}, ready="")
    founded = server.found()
    with server, httpx.Client(base_url=server.url, transport=httpx.HTTPTransport(retries=8)) as client:
        client.get("/readyz").raise_for_status()
        at_every_door = doors(founded["api_key"])

        def flood(start: int, count: int) -> int:
            share = count // len(at_every_door)
            presented = (
                ask(key) for number, ask in enumerate(at_every_door) for key in keys(start + number * share, share)
            )
            return asyncio.run(send_all(server.port, presented))

        assert flood(0, WARM_UP) == WARM_UP
        rows, memory = row_counts(database), memory_bytes(server.process.pid)
        assert flood(WARM_UP, UNKNOWN) == UNKNOWN
        grown = memory_bytes(server.process.pid) - memory
        assert grown < MOST_GROWTH_BYTES
        assert row_counts(database) == rows
        assert client.get("/v1/whoami", headers={"Authorization": f"Bearer {founded['api_key']}"}).status_code == 200
