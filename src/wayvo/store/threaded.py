"""A database on threads of its own: one writer with group commit, a few readers, and one reader apart from them."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from wayvo.core.change import Change
from wayvo.store.database import DatabaseBusy, DatabaseUnavailable, Job, Query
from wayvo.store.group_commit import CommitStatistics, GroupCommit, Limits, WriteEngine

T = TypeVar("T")


class ReadEngine(Protocol):
    """An engine's way of running a query. Called on the reader threads."""

    def run(self, query: Query[Any]) -> Any:
        """Run ``query`` on a consistent snapshot; raise what the engine's errors mean to a service."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class ThreadedDatabase:
    """See :class:`wayvo.store.database.Database`.

    ``publish`` is called on the event loop for every committed change, before the writer's caller learns of success.
    """

    def __init__(
        self, writer: WriteEngine, reader: ReadEngine, threads: int, publish: Callable[[Change], None], limits: Limits
    ) -> None:
        self._limits = limits
        self._writer = GroupCommit(writer, publish, limits)
        self._reader = reader
        self._loop = asyncio.get_running_loop()
        self._waiting_reads = 0
        self._readers = ThreadPoolExecutor(threads, thread_name_prefix="wayvo-read")
        self._apart = ThreadPoolExecutor(1, thread_name_prefix="wayvo-follow")
        self._is_closing = False

    @property
    def waiting_writes(self) -> int:
        """How many jobs wait for their commit."""
        return self._writer.waiting

    @property
    def statistics(self) -> CommitStatistics:
        """What the writer has done."""
        return self._writer.statistics

    async def write(self, job: Job[T]) -> T:
        return await self._writer.write(job)

    async def read(self, query: Query[T]) -> T:
        if self._is_closing:
            raise DatabaseUnavailable("the database is being closed")
        if self._waiting_reads >= self._limits.waiting_reads:
            raise DatabaseBusy("the queue of reads is full")
        self._waiting_reads += 1
        future: Future[T] = self._readers.submit(self._reader.run, query)
        future.add_done_callback(lambda _: self._loop.call_soon_threadsafe(self._read_is_over))
        try:
            async with asyncio.timeout(self._limits.queue_seconds + self._limits.read_seconds):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            # The engine stops a query that takes too long; this is for a server that does not answer at all.
            raise DatabaseUnavailable("the database does not answer") from None

    async def read_apart(self, query: Query[T]) -> T:
        """Read on a thread that waits for no other query: for what must go on however busy the others are."""
        if self._is_closing:
            raise DatabaseUnavailable("the database is being closed")
        return await asyncio.wrap_future(self._apart.submit(self._reader.run, query))

    async def close(self) -> None:
        """Finish what was accepted, then stop the threads."""
        self._is_closing = True
        await self._writer.close()
        await asyncio.to_thread(self._readers.shutdown)
        await asyncio.to_thread(self._apart.shutdown)
        self._reader.close()

    def _read_is_over(self) -> None:
        self._waiting_reads -= 1
