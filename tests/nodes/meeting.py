"""Makes two nodes meet at one row, in an order that the test decides."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Connection, NullPool, create_engine, text

from tests.harness.proxy import SECONDS, eventually
from wayvo.store.postgresql import _OUTBOX_LOCK

T = TypeVar("T")

_WAITING = text("""
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
""")
_WAITING_FOR_ROWS = text("""
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event <> 'advisory'
""")


class Meeting:
    """A database on which nodes meet, and threads to let them do something from."""

    def __init__(self, url: str) -> None:
        self._outside = create_engine(url, poolclass=NullPool)
        self._threads = ThreadPoolExecutor(4)

    def begin(self, step: Callable[[], T]) -> Future[T]:
        """Begin something without waiting for its end."""
        return self._threads.submit(step)

    def first_and_second(self, first: Callable[[], T], second: Callable[[], T]) -> tuple[T, T]:
        """Do both; ``first`` has done all its work, and commits only once ``second`` waits for it."""
        with self.no_commits():
            leading = self.begin(first)
            self.wait_for_waiting(1)
            following = self.begin(second)
            self.wait_for_waiting(2)
            assert not leading.done()
            assert not following.done()
        return leading.result(SECONDS), following.result(SECONDS)

    @contextmanager
    def no_commits(self) -> Iterator[None]:
        """Stop every node's batch that changes anything right before its commit, for as long as the context lasts.

        The last thing that it does before is to take the lock under which all nodes append to the outbox.
        """
        with self._outside.connect() as connection, connection.begin():
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _OUTBOX_LOCK})
            yield

    def waits_for_rows(self) -> int:
        """Return how many transactions wait for a row, or for whoever holds it."""
        with self._outside.connect() as connection:
            found: int = connection.execute(_WAITING_FOR_ROWS).scalar_one()
            return found

    def wait_for_waiting(self, count: int) -> None:
        """Wait until so many transactions wait for another's lock."""

        def waiting(connection: Connection) -> int:
            found: int = connection.execute(_WAITING).scalar_one()
            connection.rollback()
            return found

        with self._outside.connect() as connection:
            eventually(lambda: waiting(connection) == count, f"{count} transactions wait")
