"""How many bytes a cached key costs: what the process grows by when it has verified very many of them.

``python -m bench.memory_per_key FOLDER [--keys 1000000]`` reads the keys of a folder that ``bench.make_keys`` made as
verification reads them, in batches through the filler, into the server's own cache, in this process.
"""

import argparse
import asyncio
import gc
import resource
import time
from collections.abc import AsyncIterator, Collection, Sequence
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, Select, select

from bench import say
from wayvo.core.audit_chain import Sealer
from wayvo.core.credentials.digest import RootSecret
from wayvo.core.credentials.record import CredentialRecords, Move
from wayvo.store import credentials
from wayvo.store.database import Database
from wayvo.store.sqlite import SqliteDatabase
from wayvo.store.tables import api_keys
from wayvo.verify.cache import Cache
from wayvo.verify.cells import Cells
from wayvo.verify.filler import MAX_BATCH, Filler
from wayvo.verify.snapshot import Compiler


class _Stored:
    """The database as the filler wants it (:class:`wayvo.verify.filler.Source`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, digests: Collection[bytes]) -> CredentialRecords:
        return await self._database.read(lambda connection: credentials.find(connection, digests))

    async def move(self, moves: Sequence[Move]) -> None:
        raise NotImplementedError


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--keys", type=int, default=1_000_000)
    options = parser.parse_args()
    asyncio.run(_measure(options.folder / "wayvo.db", options.keys))


async def _measure(path: Path, keys: int) -> None:
    database = SqliteDatabase(path, lambda _: None, node="bench", sealer=Sealer(RootSecret(bytes(32))))
    cells = Cells()
    cache = Cache(cells, keys)
    filler = Filler(_Stored(database), cache, Compiler(cells), ())
    # Room that reading itself takes is not the cache's.
    async for digests in _digests(database, MAX_BATCH * 4):
        await filler.load(dict.fromkeys(digests, b""))
    before, known = _resident_bytes(), len(cache)
    started = time.perf_counter()
    async for digests in _digests(database, keys):
        await filler.load(dict.fromkeys(digests, b""))
    elapsed = time.perf_counter() - started
    grown, cached = _resident_bytes() - before, len(cache) - known
    say(f"{cached:,} keys more in the cache, read in {elapsed:.0f} s: {grown / cached:.0f} bytes each")
    await database.close()


async def _digests(database: Database, limit: int) -> AsyncIterator[list[bytes]]:
    last = b""
    for _ in range(0, limit, MAX_BATCH):
        statement = select(api_keys.c.digest).where(api_keys.c.digest > last).order_by(api_keys.c.digest)
        digests = await database.read(partial(_column, statement=statement.limit(MAX_BATCH)))
        if not digests:
            return
        last = digests[-1]
        yield digests


def _column(connection: Connection, statement: Select[bytes]) -> list[bytes]:
    return list(connection.execute(statement).scalars())


def _resident_bytes() -> int:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    main()
