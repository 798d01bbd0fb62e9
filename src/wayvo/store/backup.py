"""Backups: a ZIP file with a table's rows a member, and a manifest that says what they must add up to.

A backup is read in one transaction, so it shows one moment, on either engine, while the servers go on. It holds digests
of credentials, no credential and no root secret: without that secret, which is kept elsewhere, no key of it works.
"""

import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp
from typing import IO, Final

import msgspec
from sqlalchemy import Connection, Engine, MetaData, Table
from sqlalchemy.exc import DataError, IntegrityError

from wayvo.store import installation
from wayvo.store.schema import VERSIONS, current_revision, head, hold_migrations, is_known, upgrade
from wayvo.store.tables import metadata
from wayvo.store.transfer import (
    BATCH,
    REVISION_TABLE,
    Progress,
    Summing,
    count,
    decode_row,
    encode_row,
    read_batches,
    travelling_tables,
    write_batch,
)

FORMAT: Final = 1
_MANIFEST: Final = "manifest.json"
_MAX_MANIFEST_BYTES: Final = 1 << 20
_MAX_ROW_BYTES: Final = 16 << 20
"""Far more than any row has: a file that was made to swell can't fill the memory."""
_CHUNK: Final = 1 << 20

_NOT_EMPTY: Final = "The database to restore into"
_MEND: Final = "Restore into an empty one, without any tables: the restore makes them."


class BackupError(Exception):
    """A backup can't be made or restored; the message says why."""


class TableContent(msgspec.Struct, frozen=True):
    """What a table's rows must add up to, and what their values are."""

    columns: tuple[str, ...]
    rows: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds."""

    format: int
    schema: str
    created_at: str
    secret_fingerprint: str
    tables: dict[str, TableContent]

    @property
    def rows(self) -> int:
        """How many rows there are in all."""
        return sum(table.rows for table in self.tables.values())


def write_backup(connection: Connection, file: Path, created_at: str, progress: Progress) -> Manifest:
    """Write everything that ``connection``'s transaction sees into ``file``, whole or not at all."""
    fingerprint = installation.secret_fingerprint(connection)
    if fingerprint is None:
        raise BackupError("The database holds no installation yet: there is nothing to back up.")
    revision = current_revision(connection) or ""
    tables = travelling_tables(metadata if revision == head() else _reflected(connection))
    with _draft_of(file) as draft, zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        manifest = Manifest(
            format=FORMAT,
            schema=revision,
            created_at=created_at,
            secret_fingerprint=fingerprint,
            tables={str(table.name): _write_table(connection, archive, table, progress) for table in tables},
        )
        archive.writestr(_MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
    return manifest


def read_manifest(file: Path) -> Manifest:
    """Return what a backup says of itself."""
    with _reading(file), zipfile.ZipFile(file) as archive, archive.open(_MANIFEST) as member:
        text = member.read(_MAX_MANIFEST_BYTES)
        # Its form is older than its fields: what a later version has written is not called damaged.
        form = msgspec.json.decode(text, type=dict).get("format")
        if form != FORMAT:
            raise BackupError(f"{file} has the format {form!r}, which this version of Wayvo does not read.")
        return msgspec.json.decode(text, type=Manifest)


def restore_backup(file: Path, engine: Engine, progress: Progress, versions: Sequence[Path] = VERSIONS) -> Manifest:
    """Fill an empty database from ``file``, at the schema the backup was made with; then bring it to the present one.

    All of it is one transaction: a restore that fails has done nothing.
    """
    manifest = read_manifest(file)
    if not is_known(manifest.schema, versions):
        raise BackupError(
            f"The backup has the schema {manifest.schema}, which this version of Wayvo does not know. Restore it with "
            "the version that made it, or a newer one."
        )
    with engine.begin() as connection, zipfile.ZipFile(file) as archive:
        hold_migrations(connection)
        schema = _empty_schema(connection, manifest, versions)
        for table in travelling_tables(schema):
            _restore_table(connection, archive, table, manifest.tables[table.name], progress)
        upgrade(connection, "head", versions)
    return manifest


@contextmanager
def _draft_of(file: Path) -> Iterator[IO[bytes]]:
    """Write under another name what gets its own when it is whole and durable. Only its owner can read it."""
    descriptor, name = mkstemp(dir=file.parent, prefix=f"{file.name}.", suffix=".part")
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        if file.exists():
            raise FileExistsError(f"{file} is there already")
        draft.rename(file)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write_table(connection: Connection, archive: zipfile.ZipFile, table: Table, progress: Progress) -> TableContent:
    summing, total = Summing(), count(connection, table)
    progress(table.name, 0, total)
    with archive.open(f"{table.name}.jsonl", "w", force_zip64=True) as member:
        for batch in read_batches(connection, table):
            lines = [encode_row(row) for row in batch]
            member.write(b"".join(lines))
            summing.add(lines)
            progress(table.name, summing.rows, total)
    return TableContent(_columns(table), *summing.result())


def _columns(table: Table) -> tuple[str, ...]:
    return tuple(str(column.name) for column in table.columns)


def _empty_schema(connection: Connection, manifest: Manifest, versions: Sequence[Path]) -> MetaData:
    """Make the backup's schema in a database that holds nothing, and return it as the engine tells of it."""
    present = current_revision(connection)
    if present is None:
        if others := _reflected(connection).tables:
            raise BackupError(f"{_NOT_EMPTY} has tables already: {', '.join(sorted(others))}. {_MEND}")
        upgrade(connection, manifest.schema, versions)
    elif present != manifest.schema:
        raise BackupError(f"{_NOT_EMPTY} has the schema {present}, the backup {manifest.schema}. {_MEND}")
    schema = _reflected(connection)
    tables = [table for table in schema.sorted_tables if table.name != REVISION_TABLE]
    if filled := [table.name for table in tables if connection.execute(table.select().limit(1)).first() is not None]:
        raise BackupError(f"{_NOT_EMPTY} has rows already, in {', '.join(filled)}. {_MEND}")
    there = {table.name: _columns(table) for table in travelling_tables(schema)}
    if there != {name: content.columns for name, content in manifest.tables.items()}:
        raise BackupError(f"The backup is damaged: its tables are not those of the schema {manifest.schema}.")
    return schema


def _reflected(connection: Connection) -> MetaData:
    schema = MetaData()
    schema.reflect(connection)
    return schema


def _restore_table(
    connection: Connection, archive: zipfile.ZipFile, table: Table, expected: TableContent, progress: Progress
) -> None:
    summing = Summing()
    damage = BackupError(f"The backup is damaged: the rows of {table.name} are not what its manifest says.")
    progress(table.name, 0, expected.rows)
    for lines in _batches(archive, table.name):
        summing.add(lines)
        if summing.rows > expected.rows:
            raise damage
        try:
            write_batch(connection, table, [decode_row(line) for line in lines])
        except (ValueError, msgspec.MsgspecError, IntegrityError, DataError) as error:
            raise damage from error
        progress(table.name, summing.rows, expected.rows)
    if summing.result() != (expected.rows, expected.sha256):
        raise damage


def _batches(archive: zipfile.ZipFile, table: str) -> Iterator[list[bytes]]:
    """Yield a table's lines, never holding more of an unending one than a row can be long."""
    lines: list[bytes] = []
    rest = b""
    with _reading(Path(archive.filename or "")), archive.open(f"{table}.jsonl") as member:
        while chunk := member.read(_CHUNK):
            *whole, rest = (rest + chunk).split(b"\n")
            if len(rest) > _MAX_ROW_BYTES:
                raise BackupError(f"The backup is damaged: {table} has a row without an end.")
            lines += (line + b"\n" for line in whole)
            while len(lines) >= BATCH:
                yield lines[:BATCH]
                del lines[:BATCH]
    if lines or rest:
        yield lines + ([rest] if rest else [])


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Say of whatever a file does that is no backup, or no whole one, that it is none."""
    try:
        yield
    except OSError as error:
        raise BackupError(f"{file} can't be read: {error.strerror or error}.") from error
    except KeyError as error:
        raise BackupError(f"{file} is not a backup of Wayvo's: a part of it is missing.") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, msgspec.MsgspecError) as error:
        raise BackupError(f"{file} is not a backup of Wayvo's, or not a whole one: {error}.") from error
