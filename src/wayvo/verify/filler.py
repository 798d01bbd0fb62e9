"""Reads what the cache does not know, in batches, one at a time.

A question that comes while a batch is being read waits for the next one: so every answer shows the database at a moment
after its question was asked, and a revocation that was acknowledged before is always seen.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Final, Protocol

from wayvo.core.credentials.digest import Digester
from wayvo.core.credentials.record import CredentialRecords, Move
from wayvo.verify.cache import ABSENT, Cache, Known
from wayvo.verify.foreign import ForeignKeys
from wayvo.verify.snapshot import Compiler

MAX_BATCH: Final = 500


class Source(Protocol):
    """Where credentials are stored."""

    async def find(self, digests: Collection[bytes]) -> CredentialRecords:
        """Return the credentials under these digests."""
        ...

    async def move(self, moves: Sequence[Move]) -> None:
        """Store credentials under new digests; what stands under a new one already stays the only one."""
        ...


class Filler:
    """Fills the cache from the source."""

    def __init__(
        self,
        source: Source,
        cache: Cache,
        compiler: Compiler,
        retired: Sequence[Digester],
        foreign: ForeignKeys | None = None,
    ) -> None:
        self._source = source
        self._cache = cache
        self._compiler = compiler
        self._retired = tuple(retired)
        self._foreign = ForeignKeys() if foreign is None else foreign
        self._waiting: dict[bytes, tuple[bytes, asyncio.Future[Known]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def load(self, missing: Mapping[bytes, bytes]) -> dict[bytes, Known]:
        """Return what the source holds for ``missing`` (digest to credential), read after this call."""
        loop = asyncio.get_running_loop()
        futures = {}
        for digest, credential in missing.items():
            _, future = self._waiting.setdefault(digest, (credential, loop.create_future()))
            futures[digest] = future
        if self._task is None:
            self._task = loop.create_task(self._read_until_none_waits())
        return {digest: await asyncio.shield(future) for digest, future in futures.items()}

    async def _read_until_none_waits(self) -> None:
        try:
            while self._waiting:
                batch = dict(list(self._waiting.items())[:MAX_BATCH])
                for digest in batch:
                    del self._waiting[digest]
                try:
                    found = await self._read({digest: credential for digest, (credential, _) in batch.items()})
                except Exception as error:  # noqa: BLE001 - told to every caller that waits
                    for _, future in batch.values():
                        future.set_exception(error)
                        future.exception()
                    continue
                for digest, (_, future) in batch.items():
                    future.set_result(found[digest])
        finally:
            self._task = None

    async def _read(self, batch: Mapping[bytes, bytes]) -> dict[bytes, Known]:
        # Before the moves: a key that is imported after them, under a digest that they looked for, is not absent.
        self._cache.begin_reading()
        found: dict[bytes, Known] = dict.fromkeys(batch, ABSENT)
        try:
            if self._retired or self._foreign.are_waiting:
                await self._move(batch)
            found.update(self._compiler.compile(await self._source.find(batch.keys())))
        except BaseException:
            self._cache.end_reading({})
            raise
        self._cache.end_reading(found)
        return found

    async def _move(self, batch: Mapping[bytes, bytes]) -> None:
        """Bring under their own digest what stands under a retired root secret's, or under that of its import.

        They are read only afterwards: a snapshot always stands under the digest that its row has. Keys of ours go
        first, and imports of the same key find its digest taken: else who knows a key's SHA-256 could take its place.
        """
        pairs = batch.items()
        ours = {retired(credential): (digest, credential) for digest, credential in pairs for retired in self._retired}
        imports = {
            old: (digest, credential) for digest, credential in pairs for old in self._foreign.digests(credential)
        }
        moved_from = ours | imports
        found = {record.digest for record in (await self._source.find(moved_from.keys())).credentials}
        if found:
            await self._source.move(
                [
                    Move(old, digest, self._foreign.import_digest(credential))
                    for old, (digest, credential) in moved_from.items()
                    if old in found
                ]
            )
