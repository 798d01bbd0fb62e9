"""The outbox: changes wait here for other processes, then are swept."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from wayvo.core.change import Change
from wayvo.store.tables import outbox


class OutboxRow(NamedTuple):
    """A change that a process committed."""

    sequence: int
    node: str
    change: Change


def insert(connection: Connection, node: str, changes: Iterable[Change]) -> int:
    """Append changes; return how many."""
    rows = [
        {"node": node, "kind": change.kind, "subject": change.subject, "created_at": change.at} for change in changes
    ]
    if rows:
        connection.execute(outbox.insert(), rows)
    return len(rows)


def last_sequence(connection: Connection) -> int:
    """Return the sequence of the last row, 0 if there is none."""
    last: int = connection.execute(select(func.coalesce(func.max(outbox.c.sequence), 0))).scalar_one()
    return last


def after(connection: Connection, sequence: int, limit: int) -> list[OutboxRow]:
    """Return the rows that follow ``sequence``, in order."""
    statement = select(outbox).where(outbox.c.sequence > sequence).order_by(outbox.c.sequence).limit(limit)
    return [
        OutboxRow(row.sequence, row.node, Change(row.kind, row.subject, row.created_at))
        for row in connection.execute(statement)
    ]


def sweep(connection: Connection, before_us: int, limit: int) -> int:
    """Delete at most ``limit`` rows that every process has had time to read; return how many."""
    due = select(outbox.c.sequence).where(outbox.c.created_at < before_us).order_by(outbox.c.created_at).limit(limit)
    return connection.execute(outbox.delete().where(outbox.c.sequence.in_(due))).rowcount
