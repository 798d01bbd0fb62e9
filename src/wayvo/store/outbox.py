"""The outbox: changes wait here for other processes, then are swept."""

from sqlalchemy import Connection, select

from wayvo.store.tables import outbox


def sweep(connection: Connection, before_us: int, limit: int) -> int:
    """Delete at most ``limit`` rows that every process has had time to read; return how many."""
    due = select(outbox.c.sequence).where(outbox.c.created_at < before_us).order_by(outbox.c.created_at).limit(limit)
    return connection.execute(outbox.delete().where(outbox.c.sequence.in_(due))).rowcount
