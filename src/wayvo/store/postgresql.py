"""PostgreSQL: time-outs on everything, and connections that come back by themselves.

A batch whose connection is lost before its commit is run again on a new one. Lost *during* its commit, its fate is
asked for afterwards (:mod:`wayvo.store.last_batches`): a job happens once, and its caller hears the truth.
"""

import logging
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, QueuePool, create_engine, text
from sqlalchemy.exc import DBAPIError

from wayvo.core.change import Change
from wayvo.store import audit, last_batches, outbox
from wayvo.store.database import DatabaseBusy, DatabaseUnavailable, OutcomeUnknown, Query, Transaction
from wayvo.store.group_commit import Limits, Submission
from wayvo.store.schema import check, migrate
from wayvo.store.threaded import ThreadedDatabase

T = TypeVar("T")

_log = logging.getLogger(__name__)

APPLICATION: Final = "wayvo"
"""By this name the server's administrator, and ``wayvo copy``, know our connections."""

CHANNEL: Final = "wayvo_changes"
READERS: Final = 4
CONNECT_SECONDS: Final = 3
LOCK_SECONDS: Final = 1.5
"""More than the second after which the server looks for a deadlock: one of its parties is to be run again."""
IDLE_SECONDS: Final = 5
"""How long a node may keep others waiting that stands still in the middle of a transaction (a frozen machine, say)."""
RETRY_SECONDS: Final = 0.1
RECONNECT_SECONDS: Final = 2.0
"""How long a batch waits for the server to come back before its callers are told that it is gone."""

# Rows of the outbox become visible in the order of their sequences: whoever appends holds this lock until the commit.
_OUTBOX_LOCK: Final = 0x77_61_79_76_6F  # "wayvo"
_BEFORE_OUTBOX: Final = text("SELECT pg_advisory_xact_lock(:lock)")
_NOTIFY: Final = text("SELECT pg_notify(:channel, '')")

_LOST: Final = ("08", "57P01", "57P02", "57P03")
"""SQLSTATE classes and codes: the connection or the server is gone."""
_CONFLICTS: Final = ("40001", "40P01")
_BUSY: Final = ("55P03", "57014", "53300")
_UNAVAILABLE: Final = ("53", "58", "XX", "25006")


def create_postgresql_engine(url: str, *, pool_size: int, statement_seconds: float | None) -> Engine:
    """Return an engine with its time-outs set on every connection; ``None``: the work may take its time."""
    options = {"timezone": "UTC"}
    if statement_seconds is None:
        options |= {"statement_timeout": "0", "idle_in_transaction_session_timeout": "0"}
    else:
        options |= {
            "statement_timeout": f"{round(statement_seconds * 1000)}ms",
            "lock_timeout": f"{round(LOCK_SECONDS * 1000)}ms",
            "idle_in_transaction_session_timeout": f"{IDLE_SECONDS}s",
        }
    return create_engine(
        url,
        poolclass=QueuePool,
        pool_size=pool_size,
        max_overflow=0,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "options": " ".join(f"-c {name}={value}" for name, value in options.items()),
            "application_name": APPLICATION,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 10_000,
        },
    )


def prepare_postgresql(url: str, *, may_migrate: bool) -> None:
    """See to the schema: bring it up to date, or refuse one that is not (other nodes may be working on it)."""
    engine = create_postgresql_engine(url, pool_size=1, statement_seconds=None)
    try:
        if may_migrate:
            migrate(engine)
        else:
            check(engine)
    except DBAPIError as error:
        raise _translated(error) from error
    finally:
        engine.dispose()


class PostgresqlDatabase(ThreadedDatabase):
    """A database on a server, shared by several nodes; ``node`` names this one in the outbox."""

    def __init__(self, url: str, publish: Callable[[Change], None], node: str, limits: Limits | None = None) -> None:
        limits = limits or Limits()
        writer, reader = _PostgresqlWriter(url, node, limits), _PostgresqlReader(url, limits)
        super().__init__(writer, reader, READERS, publish, limits)


class _PostgresqlReader:
    """Runs queries on a pool of connections (:class:`wayvo.store.threaded.ReadEngine`)."""

    def __init__(self, url: str, limits: Limits) -> None:
        engine = create_postgresql_engine(url, pool_size=READERS + 1, statement_seconds=limits.read_seconds)
        self._engine = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    def run(self, query: Query[T]) -> T:
        """Run ``query``; once more if the connection turns out to be dead."""
        try:
            return self._run_once(query)
        except DBAPIError as error:
            if not _is_lost(error):
                raise _translated(error) from error
        try:
            return self._run_once(query)
        except DBAPIError as error:
            raise _translated(error) from error

    def close(self) -> None:
        self._engine.dispose()

    def _run_once(self, query: Query[T]) -> T:
        with self._engine.connect() as connection, connection.begin():
            return query(connection)


class _PostgresqlWriter:
    """Runs batches on one connection (:class:`wayvo.store.group_commit.WriteEngine`)."""

    def __init__(self, url: str, node: str, limits: Limits) -> None:
        self._engine = create_postgresql_engine(url, pool_size=1, statement_seconds=limits.job_seconds)
        self._node = node

    def commit(self, batch: Sequence[Submission]) -> int | None:
        deadline = time.monotonic() + RECONNECT_SECONDS
        while True:
            attempt = _Attempt(self._engine, self._node)
            try:
                attempt.run(batch)
            except Exception as error:  # noqa: BLE001 - whatever a job raises belongs to its caller, not to this thread
                if isinstance(error, DBAPIError) and _may_go_better(error):
                    if attempt.is_committing and self._has_committed(attempt, deadline):
                        return None
                    if time.monotonic() < deadline:
                        time.sleep(RETRY_SECONDS)
                        continue
                return self._settle_failure(batch, attempt, error)
            return None

    def close(self) -> None:
        self._engine.dispose()

    def _settle_failure(self, batch: Sequence[Submission], attempt: "_Attempt", error: Exception) -> int | None:
        failure = _translated(error) if isinstance(error, DBAPIError) else error
        if attempt.index < len(batch) and not isinstance(failure, DatabaseUnavailable):
            batch[attempt.index].fail(failure)
            return None if len(batch) == 1 else attempt.index
        if attempt.is_committing:
            failure = OutcomeUnknown(str(failure))
        for submission in batch:
            # If nobody can say whether it was committed, the caches forget what it would have changed all the same.
            changes = submission.changes if attempt.is_committing else ()
            submission.fail(failure)
            submission.changes = changes
        return None

    def _has_committed(self, attempt: "_Attempt", deadline: float) -> bool:
        """Ask the server, as soon as it is back, what became of a transaction whose commit was not answered."""
        while True:
            try:
                with self._engine.begin() as connection:
                    last = last_batches.await_last(connection, self._node)
            except DBAPIError:
                if time.monotonic() >= deadline:
                    return False
                time.sleep(RETRY_SECONDS)
            else:
                attempt.is_committing = False
                return last == attempt.name


class _Attempt:
    """One run of a batch, and how far it came."""

    def __init__(self, engine: Engine, node: str) -> None:
        self._engine = engine
        self._node = node
        self.name = uuid.uuid4().hex
        self.index = 0
        self.is_committing = False

    def run(self, batch: Sequence[Submission]) -> None:
        with self._engine.connect() as connection, connection.begin() as transaction:
            for submission in batch:
                context = Transaction(connection)
                submission.succeed(submission.job(context), context)
                self.index += 1
            audit.insert_unchained(connection, [event for submission in batch for event in submission.events])
            last_batches.note(connection, self._node, self.name)
            self._announce(connection, [change for submission in batch for change in submission.changes])
            self.is_committing = True
            transaction.commit()

    def _announce(self, connection: Connection, changes: Sequence[Change]) -> None:
        if changes:
            connection.execute(_BEFORE_OUTBOX, {"lock": _OUTBOX_LOCK})
            outbox.insert(connection, self._node, changes)
            connection.execute(_NOTIFY, {"channel": CHANNEL})


def _state(error: DBAPIError) -> str:
    original: Any = error.orig
    return str(getattr(original, "sqlstate", None) or "")


def _is_lost(error: DBAPIError) -> bool:
    """Say whether the connection is gone; psycopg gives no SQLSTATE when the server did not get to say anything."""
    return error.connection_invalidated or not _state(error) or _state(error).startswith(_LOST)


def _may_go_better(error: DBAPIError) -> bool:
    return _is_lost(error) or _state(error) in _CONFLICTS


def _translated(error: DBAPIError) -> Exception:
    """Return what an engine's error means to a service; an unexpected one stays as it is."""
    state = _state(error)
    if state in (*_BUSY, *_CONFLICTS):
        return DatabaseBusy(state)
    if _is_lost(error) or state.startswith(_UNAVAILABLE):
        _log.error("the database is unavailable: %s", state or "the connection is lost")
        return DatabaseUnavailable(state or "the connection is lost")
    return error
