"""What services ask of a database: jobs run in transactions, on the database's own threads."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from wayvo.core.audit import AuditEvent
from wayvo.core.audit_chain import Record, record_of
from wayvo.core.change import Change

T = TypeVar("T")


@dataclass(slots=True)
class Transaction:
    """One job's view of the transaction that it runs in.

    A job is run again when a neighbour in its batch fails: it draws no clock and no randomness, and leaves nothing
    behind but rows. What must happen in memory goes through :meth:`announce` and happens after the commit.
    """

    connection: Connection
    changes: list[Change] = field(default_factory=list)
    events: list[Record] = field(default_factory=list)

    def announce(self, change: Change) -> None:
        """Tell every cache of ``change``: by an outbox row in this transaction, and by the bus after its commit."""
        self.changes.append(change)

    def record(self, event: AuditEvent) -> None:
        """Put ``event`` into the audit trail, in this transaction."""
        # Encoded here: an event that can't be is its own job's failure, not its neighbours'.
        self.events.append(record_of(event))


Job = Callable[[Transaction], T]
Query = Callable[[Connection], T]


class Database(Protocol):
    """Reads and writes; both raise :class:`DatabaseBusy` or :class:`DatabaseUnavailable` when the engine can't."""

    async def write(self, job: Job[T]) -> T:
        """Run ``job`` in a transaction; return its result once it is durable and every local cache has heard of it."""
        ...

    async def read(self, query: Query[T]) -> T:
        """Run ``query`` on a consistent snapshot that holds every write acknowledged before the call."""
        ...


class SteadyDatabase(Database, Protocol):
    """A database that also reads what must not wait for other reads."""

    async def read_apart(self, query: Query[T]) -> T:
        """Run ``query`` as :meth:`read` does, on a thread of its own."""
        ...


class DatabaseBusy(Exception):
    """The queue is full, or a job waited or ran too long. Nothing was written; trying again later may work."""


class DatabaseUnavailable(Exception):
    """The database can't be used (disk full, file damaged, server gone). Nothing was written."""


class OutcomeUnknown(DatabaseUnavailable):
    """The server was lost during a commit, and is still: it may have been written, or not. Every cache forgets it."""
