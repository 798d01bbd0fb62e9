"""SQLite: one file, WAL and ``synchronous=FULL``."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.exc import DBAPIError

from wayvo.core.audit_chain import Sealer
from wayvo.core.change import Change
from wayvo.store import audit, outbox
from wayvo.store.database import DatabaseBusy, DatabaseUnavailable, Query, Transaction
from wayvo.store.group_commit import Limits, Submission
from wayvo.store.schema import migrate
from wayvo.store.threaded import ThreadedDatabase

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


def prepare_sqlite(path: Path) -> None:
    """Bring the file to this version's schema, made if need be so that only its owner can read it."""
    try:
        if not path.exists():
            path.touch(mode=0o600)
        migrate(create_sqlite_engine(path, "BEGIN IMMEDIATE"))
    except DBAPIError as error:
        raise _translated(error) from error
    except OSError as error:
        raise DatabaseUnavailable(error.strerror) from error


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


class SqliteDatabase(ThreadedDatabase):
    """A database in one file; ``node`` names this process in the outbox, ``sealer`` chains the audit trail."""

    def __init__(
        self, path: Path, publish: Callable[[Change], None], node: str, sealer: Sealer, limits: Limits | None = None
    ) -> None:
        limits = limits or Limits()
        writer, reader = _SqliteWriter(path, node, sealer, limits), _SqliteReader(path, limits)
        super().__init__(writer, reader, READERS, publish, limits)


class _SqliteReader:
    """Runs queries, each thread's on a connection of its own (:class:`wayvo.store.threaded.ReadEngine`)."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self._engine = create_sqlite_engine(path, "BEGIN")
        self._limits = limits
        self._local = threading.local()
        self._connections: list[Connection] = []

    def run(self, query: Query[T]) -> T:
        try:
            connection: Connection | None = getattr(self._local, "connection", None)
            if connection is None:
                connection = self._connect()
            self._local.deadline.at = time.monotonic() + self._limits.read_seconds
            with connection.begin():
                return query(connection)
        except DBAPIError as error:
            self._disconnect()
            raise _translated(error) from error
        except Exception:
            self._disconnect()
            raise

    def _connect(self) -> Connection:
        connection = self._engine.connect()
        self._connections.append(connection)
        connection.connection.cursor().execute("PRAGMA query_only=ON")
        self._local.deadline = _Deadline()
        self._local.deadline.watch(connection)
        self._local.connection = connection
        return connection

    def _disconnect(self) -> None:
        """Give a connection up on which a query failed.

        A statement that was not read to its end keeps its snapshot across the rollback, for as long as anybody holds
        the exception: what is read next on this connection would be as old.
        """
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            self._local.connection = None
            self._connections.remove(connection)
            connection.close()

    def close(self) -> None:
        for connection in self._connections:
            connection.close()


class _SqliteWriter:
    """Runs batches on one connection (:class:`wayvo.store.group_commit.WriteEngine`)."""

    def __init__(self, path: Path, node: str, sealer: Sealer, limits: Limits) -> None:
        self._engine = create_sqlite_engine(path, "BEGIN IMMEDIATE")
        self._node = node
        self._sealer = sealer
        self._limits = limits
        self._deadline = _Deadline()
        self._connection: Connection | None = None

    def commit(self, batch: Sequence[Submission]) -> int | None:
        culprit: int | None = None
        try:
            connection = self._connected()
            with connection.begin():
                for culprit, submission in enumerate(batch):  # noqa: B007 - read when a job raises
                    transaction = Transaction(connection)
                    self._deadline.at = time.monotonic() + self._limits.job_seconds
                    submission.succeed(submission.job(transaction), transaction)
                culprit = None
                self._deadline.at = float("inf")
                audit.insert_chained(connection, [event for done in batch for event in done.events], self._sealer)
                outbox.insert(connection, self._node, (change for done in batch for change in done.changes))
        except Exception as error:  # noqa: BLE001 - whatever a job raises belongs to its caller, not to this thread
            failure = _translated(error) if isinstance(error, DBAPIError) else error
            if culprit is not None and not isinstance(failure, DatabaseUnavailable):
                batch[culprit].fail(failure)
                return None if len(batch) == 1 else culprit
            # No job is at fault for a transaction that can't begin or can't end.
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
