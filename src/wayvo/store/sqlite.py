"""SQLite: the group commit's one writer, a few reader threads, WAL and ``synchronous=FULL``."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.exc import DBAPIError

from wayvo.core.change import Change
from wayvo.store import outbox
from wayvo.store.database import DatabaseBusy, DatabaseUnavailable, Job, Query, Transaction
from wayvo.store.group_commit import CommitStatistics, GroupCommit, Limits, Submission

T = TypeVar("T")

_log = logging.getLogger(__name__)

READERS: Final = 3
_PROGRESS_STEPS: Final = 20_000

_PRAGMAS: Final = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=5000",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-32768",
)
_BUSY: Final = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_INTERRUPT")
_UNAVAILABLE: Final = (
    "SQLITE_FULL",
    "SQLITE_IOERR",
    "SQLITE_CORRUPT",
    "SQLITE_NOTADB",
    "SQLITE_READONLY",
    "SQLITE_CANTOPEN",
)


def create_sqlite_engine(path: Path, begin: str) -> Engine:
    """Return an engine whose transactions start with ``begin`` (pysqlite starts none by itself)."""
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"isolation_level": None, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _record: object) -> None:
        for pragma in _PRAGMAS:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


class SqliteDatabase:
    """A database in one file; see :class:`wayvo.store.database.Database`.

    ``publish`` is called on the event loop for every committed change, before the writer's caller learns of success;
    ``node`` names this process in the outbox.
    """

    def __init__(self, path: Path, publish: Callable[[Change], None], node: str, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._engine = create_sqlite_engine(path, "BEGIN")
        self._writer = GroupCommit(_SqliteWriter(path, node, self._limits), publish, self._limits)
        self._loop = asyncio.get_running_loop()
        self._waiting_reads = 0
        self._local = threading.local()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="wayvo-read")
        self._connections: list[Connection] = []
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
        future: Future[T] = self._readers.submit(self._read, query)
        future.add_done_callback(lambda _: self._loop.call_soon_threadsafe(self._read_is_over))
        return await asyncio.wrap_future(future)

    async def close(self) -> None:
        """Finish what was accepted, then stop the threads."""
        self._is_closing = True
        await self._writer.close()
        await asyncio.to_thread(self._readers.shutdown)
        for connection in self._connections:
            connection.close()

    def _read_is_over(self) -> None:
        self._waiting_reads -= 1

    def _read(self, query: Query[T]) -> T:
        """Run ``query`` on this reader thread's own connection."""
        try:
            connection: Connection | None = getattr(self._local, "connection", None)
            if connection is None:
                connection = self._engine.connect()
                self._connections.append(connection)
                self._local.deadline = _Deadline()
                self._local.deadline.watch(connection)
                self._local.connection = connection
            self._local.deadline.at = time.monotonic() + self._limits.read_seconds
            with connection.begin():
                return query(connection)
        except DBAPIError as error:
            raise _translated(error) from error


class _SqliteWriter:
    """Runs batches on one connection (:class:`wayvo.store.group_commit.WriteEngine`)."""

    def __init__(self, path: Path, node: str, limits: Limits) -> None:
        self._engine = create_sqlite_engine(path, "BEGIN IMMEDIATE")
        self._node = node
        self._limits = limits
        self._deadline = _Deadline()
        self._connection: Connection | None = None

    def commit(self, batch: Sequence[Submission]) -> int | None:
        index = 0
        try:
            connection = self._connected()
            with connection.begin():
                for submission in batch:
                    transaction = Transaction(connection)
                    self._deadline.at = time.monotonic() + self._limits.job_seconds
                    submission.succeed(submission.job(transaction), transaction.changes)
                    index += 1
                self._deadline.at = float("inf")
                outbox.insert(connection, self._node, (change for done in batch for change in done.changes))
        except Exception as error:  # noqa: BLE001 - whatever a job raises belongs to its caller, not to this thread
            failure = _translated(error) if isinstance(error, DBAPIError) else error
            if index < len(batch) and not isinstance(failure, DatabaseUnavailable):
                batch[index].fail(failure)
                return None if len(batch) == 1 else index
            for submission in batch:
                submission.fail(failure)
        return None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
            self._deadline.watch(self._connection)
        return self._connection


@dataclass(slots=True)
class _Deadline:
    """Interrupts a statement that runs past its time: SQLite asks every few thousand steps."""

    at: float = field(default=float("inf"))

    def watch(self, connection: Connection) -> None:
        raw: Any = connection.connection.driver_connection
        raw.set_progress_handler(self._is_over, _PROGRESS_STEPS)

    def _is_over(self) -> bool:
        return time.monotonic() > self.at


def _translated(error: DBAPIError) -> Exception:
    """Return what an engine's error means to a service; an unexpected one stays as it is."""
    name = str(getattr(error.orig, "sqlite_errorname", ""))
    if name.startswith(_BUSY):
        return DatabaseBusy(name)
    if name.startswith(_UNAVAILABLE):
        _log.error("the database is unavailable: %s", name)
        return DatabaseUnavailable(name)
    return error
