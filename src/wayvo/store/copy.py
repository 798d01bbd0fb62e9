"""Copies an installation from one database to another: SQLite to PostgreSQL when one machine is no longer enough.

Nobody may write meanwhile: what was written to the source behind the copy's back would be lost, and a server on half of
a target would call good keys unknown. So both sides are held, by locks of the databases' own.
"""

from typing import Final

from sqlalchemy import Connection, Engine, Table, text
from sqlalchemy.exc import DBAPIError

from wayvo.store import installation
from wayvo.store.postgresql import APPLICATION
from wayvo.store.schema import current_revision, migrate
from wayvo.store.tables import installation as installation_table
from wayvo.store.tables import metadata, outbox
from wayvo.store.transfer import (
    REVISION_TABLE,
    Checksum,
    Progress,
    checksum,
    count,
    last_key,
    read_batches,
    table_names,
    travelling_tables,
    write_batch,
)

_COPY_LOCK: Final = 0x77_61_79_76_63  # "wayvc"
_EMPTY: Final = "Empty the target, or make a new database, and copy again."


class CopyError(Exception):
    """The copy can't be made or is not what it was made from; the message says why."""


def prepare_target(target: Engine) -> None:
    """Bring an empty database to the present schema; refuse one that is used for something else."""
    with target.connect() as connection:
        is_new = current_revision(connection) is None
    others = table_names(target) - ({REVISION_TABLE} if is_new else {REVISION_TABLE, *metadata.tables})
    if others:
        raise CopyError(f"The target has tables already: {', '.join(sorted(others))}. {_EMPTY}")
    migrate(target)


def hold_writers(source: Connection) -> str:
    """Keep everybody from writing to the source until its transaction ends; return its root secret's fingerprint.

    (A transaction on SQLite that began with ``BEGIN IMMEDIATE`` does so by itself.)
    """
    if source.dialect.name == "postgresql":
        _refuse_nodes(source, "source")
        try:
            source.execute(text("SET LOCAL lock_timeout = '5s'"))
            # Before the first reading, which decides what the transaction sees.
            names = ", ".join(table.name for table in travelling_tables())
            source.execute(text(f"LOCK TABLE {names} IN SHARE MODE"))
        except DBAPIError as error:
            raise CopyError("Somebody is writing to the source. Stop its nodes first.") from error
    fingerprint = installation.secret_fingerprint(source)
    if fingerprint is None:
        raise CopyError("The source holds no installation: there is nothing to copy.")
    return fingerprint


def copy(source: Connection, target: Engine, progress: Progress) -> dict[str, Checksum]:
    """Copy every row of the source, which is held, and compare both sides; return what each table holds.

    Each batch is committed: a copy that was interrupted goes on where it stopped. The target counts as an installation
    only when the last table, the installation's own row, has arrived, and that comes when the others were compared.
    """
    *tables, last = travelling_tables()
    with target.connect() as guard:
        _hold_target(guard)
        with target.connect() as connection:
            _refuse_other_rows(source, connection, tables)
        for table in tables:
            _copy_table(source, target, table, progress)
        held = {table.name: _compare(source, target, table) for table in tables}
        for batch in read_batches(source, last):
            write_batch(guard, last, batch)
        guard.commit()
    return held | {last.name: _compare(source, target, last)}


def _refuse_nodes(connection: Connection, side: str) -> None:
    nodes: int = connection.execute(
        text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = :name"
            " AND pid <> pg_backend_pid()"
        ),
        {"name": APPLICATION},
    ).scalar_one()
    if nodes:
        raise CopyError(f"Nodes of Wayvo are connected to the {side} ({nodes} connections). Stop them first.")


def _hold_target(guard: Connection) -> None:
    """Let no other copy run, and no server found an installation there or go on with half of one."""
    if guard.dialect.name != "postgresql":
        return
    if not guard.execute(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _COPY_LOCK}).scalar():
        raise CopyError("Another copy into the target is running. Wait for it.")
    guard.execute(text("SET LOCAL lock_timeout = '5s'"))
    guard.execute(text(f"LOCK TABLE {installation_table.name} IN SHARE MODE"))


def _refuse_other_rows(source: Connection, target: Connection, tables: list[Table]) -> None:
    """See that whatever the target has is the beginning of what the source has."""
    if installation.secret_fingerprint(target) is not None:
        raise CopyError("The target holds an installation already: a copy that is complete, or another one.")
    if count(target, outbox):
        raise CopyError(f"A server has written to the target. {_EMPTY}")
    for table in tables:
        there = checksum(target, table)
        if there != checksum(source, table, there.rows):
            raise CopyError(
                f"The target has rows in {table.name} that the source has not; if an earlier copy was interrupted, the "
                f"source has changed since. {_EMPTY}"
            )


def _copy_table(source: Connection, target: Engine, table: Table, progress: Progress) -> None:
    total = count(source, table)
    with target.connect() as connection:
        after, done = last_key(connection, table), count(connection, table)
    progress(table.name, done, total)
    for batch in read_batches(source, table, after):
        with target.begin() as connection:
            write_batch(connection, table, batch)
        done += len(batch)
        progress(table.name, done, total)


def _compare(source: Connection, target: Engine, table: Table) -> Checksum:
    ours = checksum(source, table)
    with target.connect() as connection:
        theirs = checksum(connection, table)
    if ours != theirs:
        raise CopyError(f"{table.name} differs: {ours.rows} rows in the source, {theirs.rows} in the target. {_EMPTY}")
    return ours
