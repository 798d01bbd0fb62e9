"""SQLite: one writer thread with group commit, a few reader threads, WAL and ``synchronous=FULL``.

The writer drains its queue into one ``BEGIN IMMEDIATE`` transaction and one commit, so that many clients share one
``fsync``. When a job fails, the batch is rolled back and cut at the culprit: what stood before it is committed again
without it, it runs alone, and the rest goes on as a batch. No job runs more than three times, whatever its neighbours
do.
"""

import asyncio
import logging
import queue
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
from wayvo.store.database import DatabaseBusy, DatabaseUnavailable, Job, Query, Transaction

T = TypeVar("T")

_log = logging.getLogger(__name__)

_MAX_BATCH: Final = 256
_MAX_WAITING_WRITES: Final = 4096
_MAX_WAITING_READS: Final = 4096
_READERS: Final = 3
_QUEUE_SECONDS: Final = 5.0
_JOB_SECONDS: Final = 2.0
_READ_SECONDS: Final = 5.0
_PROGRESS_STEPS: Final = 20_000

_PRAGMAS: Final = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=5000",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-32768",
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


@dataclass(slots=True, eq=False)
class _Submission:
    job: Job[Any]
    answer: asyncio.Future[Any]
    submitted: float
    result: Any = None
    failure: BaseException | None = None
    changes: Sequence[Change] = ()


@dataclass(slots=True)
class _Deadline:
    """Interrupts a statement that runs past its time: SQLite asks every few thousand steps."""

    at: float = field(default=float("inf"))

    def watch(self, connection: Connection) -> None:
        raw: Any = connection.connection.driver_connection
        raw.set_progress_handler(self._is_over, _PROGRESS_STEPS)

    def _is_over(self) -> bool:
        return time.monotonic() > self.at


class SqliteDatabase:
    """A database in one file; see :class:`wayvo.store.database.Database`.

    ``publish`` is called on the event loop for every committed change, before the writer's caller learns of success.
    """

    def __init__(self, path: Path, publish: Callable[[Change], None]) -> None:
        self._publish = publish
        self._write_engine = create_sqlite_engine(path, "BEGIN IMMEDIATE")
        self._read_engine = create_sqlite_engine(path, "BEGIN")
        self._jobs: queue.SimpleQueue[_Submission | None] = queue.SimpleQueue()
        self._waiting_writes = 0
        self._waiting_reads = 0
        self._loop = asyncio.get_running_loop()
        self._closing = False
        self._local = threading.local()
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="wayvo-read")
        self._reader_connections: list[Connection] = []
        self._writer = threading.Thread(target=self._write_batches, name="wayvo-write", daemon=True)
        self._writer.start()

    @property
    def waiting_writes(self) -> int:
        """How many jobs wait for their commit."""
        return self._waiting_writes

    async def write(self, job: Job[T]) -> T:
        if self._closing:
            raise DatabaseUnavailable("the database is being closed")
        if self._waiting_writes >= _MAX_WAITING_WRITES:
            raise DatabaseBusy("the queue of writes is full")
        self._waiting_writes += 1
        submission = _Submission(job, self._loop.create_future(), time.monotonic())
        self._jobs.put(submission)
        result: T = await submission.answer
        return result

    async def read(self, query: Query[T]) -> T:
        if self._closing:
            raise DatabaseUnavailable("the database is being closed")
        if self._waiting_reads >= _MAX_WAITING_READS:
            raise DatabaseBusy("the queue of reads is full")
        self._waiting_reads += 1
        future: Future[T] = self._readers.submit(self._read, query)
        future.add_done_callback(lambda _: self._loop.call_soon_threadsafe(self._read_is_over))
        return await asyncio.wrap_future(future)

    async def close(self) -> None:
        """Finish what was accepted, then stop the threads."""
        self._closing = True
        self._jobs.put(None)
        await asyncio.to_thread(self._writer.join)
        await asyncio.to_thread(self._readers.shutdown)
        for connection in self._reader_connections:
            connection.close()

    # On the event loop

    def _deliver(self, batch: Sequence[_Submission]) -> None:
        self._waiting_writes -= len(batch)
        # A caller that went away has still written: the caches hear of its changes all the same.
        for submission in batch:
            for change in submission.changes:
                self._publish(change)
        for submission in batch:
            if submission.answer.done():
                continue
            if submission.failure is not None:
                submission.answer.set_exception(submission.failure)
            else:
                submission.answer.set_result(submission.result)

    def _read_is_over(self) -> None:
        self._waiting_reads -= 1

    # On a reader thread

    def _read(self, query: Query[T]) -> T:
        connection: Connection | None = getattr(self._local, "connection", None)
        deadline: _Deadline
        try:
            if connection is None:
                connection = self._read_engine.connect()
                self._local.connection = connection
                self._local.deadline = deadline = _Deadline()
                deadline.watch(connection)
                self._reader_connections.append(connection)
            deadline = self._local.deadline
            deadline.at = time.monotonic() + _READ_SECONDS
            with connection.begin():
                return query(connection)
        except DBAPIError as error:
            raise _translated(error) from error

    # On the writer thread

    def _write_batches(self) -> None:
        connection: Connection | None = None
        deadline = _Deadline()
        while (first := self._jobs.get()) is not None:
            batch = [first]
            is_last = False
            while len(batch) < _MAX_BATCH and not self._jobs.empty():
                following = self._jobs.get()
                if following is None:
                    is_last = True
                    break
                batch.append(following)
            try:
                if connection is None:
                    connection = self._write_engine.connect()
                    deadline.watch(connection)
                self._commit_all(connection, deadline, batch)
            except DBAPIError as error:
                _fail(batch, _translated(error))
            except Exception as error:  # noqa: BLE001 - the writer thread outlives every failure; each caller is told
                _fail(batch, error)
            self._loop.call_soon_threadsafe(self._deliver, batch)
            if is_last:
                break
        if connection is not None:
            connection.close()

    def _commit_all(self, connection: Connection, deadline: _Deadline, batch: Sequence[_Submission]) -> None:
        oldest = time.monotonic() - _QUEUE_SECONDS
        rest = []
        for submission in batch:
            if submission.submitted < oldest:
                submission.failure = DatabaseBusy("the job waited too long")
            elif not submission.answer.cancelled():
                rest.append(submission)
        while rest:
            culprit = self._commit(connection, deadline, rest)
            if culprit is None:
                return
            self._commit_prefix(connection, deadline, rest[:culprit])
            self._commit(connection, deadline, rest[culprit : culprit + 1])
            rest = rest[culprit + 1 :]

    def _commit_prefix(self, connection: Connection, deadline: _Deadline, batch: Sequence[_Submission]) -> None:
        if batch and self._commit(connection, deadline, batch) is not None:
            # It went well a moment ago: whatever is wrong now is not for each of them to find out alone.
            _fail(batch, DatabaseUnavailable("the database failed"))

    def _commit(self, connection: Connection, deadline: _Deadline, batch: Sequence[_Submission]) -> int | None:
        """Run and commit ``batch``; return the index of the job that failed it, after rolling all of it back.

        A failure that is settled (the job was alone, or the database is at fault) is recorded and returns ``None``.
        """
        index = 0
        try:
            with connection.begin():
                for submission in batch:
                    transaction = Transaction(connection)
                    deadline.at = time.monotonic() + _JOB_SECONDS
                    submission.result = submission.job(transaction)
                    submission.changes = transaction.changes
                    index += 1
                deadline.at = float("inf")
        except Exception as error:  # noqa: BLE001 - whatever a job raises belongs to its caller, not to this thread
            failure = _translated(error) if isinstance(error, DBAPIError) else error
            if len(batch) > 1 and index < len(batch) and not isinstance(failure, DatabaseUnavailable):
                return index
            _fail(batch, failure)
        return None


def _fail(batch: Sequence[_Submission], failure: BaseException) -> None:
    for submission in batch:
        submission.failure = submission.failure or failure
        submission.changes = ()


def _translated(error: DBAPIError) -> Exception:
    """Return what an engine's error means to a service; an unexpected one stays as it is."""
    name = str(getattr(error.orig, "sqlite_errorname", ""))
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_INTERRUPT")):
        return DatabaseBusy(name)
    if name.startswith(
        ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_READONLY", "SQLITE_CANTOPEN")
    ):
        _log.error("database unavailable", extra={"sqlite_error": name})
        return DatabaseUnavailable(name)
    return error
