"""Copies an installation from one database to another: SQLite to PostgreSQL when one machine is no longer enough."""

from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection, Engine, Table

from wayvo.store import installation
from wayvo.store.transfer import Checksum, checksum, count, last_key, read_batches, travelling_tables, write_batch

Progress = Callable[[str, int, int], None]
"""Told a table's name, how many rows of it are there, and how many there will be."""

_COMPLETE: Final = "The target holds an installation already."


class CopyError(Exception):
    """The copy can't be made or is not what it was made from; the message says why."""


def copy(source: Connection, target: Engine, progress: Progress) -> dict[str, Checksum]:
    """Copy every row that ``source``'s transaction sees, and compare both sides; return what each table holds.

    Each batch is committed: a copy that was interrupted goes on where it stopped. The target counts as an installation
    only when the last table, the installation's own row, has arrived.
    """
    with target.connect() as connection:
        if installation.secret_fingerprint(connection) is not None:
            raise CopyError(_COMPLETE)
    *tables, last = travelling_tables()
    held: dict[str, Checksum] = {}
    for table in (*tables, last):
        if table is last:
            held |= {earlier.name: _compare(source, target, earlier) for earlier in tables}
        total = count(source, table)
        with target.connect() as connection:
            after = last_key(connection, table)
            done = count(connection, table)
        progress(table.name, done, total)
        for batch in read_batches(source, table, after):
            with target.begin() as connection:
                write_batch(connection, table, batch)
            done += len(batch)
            progress(table.name, done, total)
    return held | {last.name: _compare(source, target, last)}


def _compare(source: Connection, target: Engine, table: Table) -> Checksum:
    ours = checksum(source, table)
    with target.connect() as connection:
        theirs = checksum(connection, table)
    if ours != theirs:
        raise CopyError(
            f"The table {table.name} differs: {ours.rows} rows here, {theirs.rows} there. Empty the target, copy again."
        )
    return ours
