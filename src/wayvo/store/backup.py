"""Backups: a ZIP file with a table's rows a member, and a manifest that says what they must add up to.

A backup is read in one transaction, so it shows one moment, on either engine, while the servers go on. It holds digests
of credentials, no credential and no root secret: without that secret, which is kept elsewhere, no key of it works.
"""

import hashlib
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import Connection, Engine, MetaData, Table

from wayvo.store import installation
from wayvo.store.schema import current_revision, is_known, migrate
from wayvo.store.transfer import BATCH, Checksum, Values, encode_row, read_batches, travelling_tables, write_batch

FORMAT: Final = 1
_MANIFEST: Final = "manifest.json"

Progress = Callable[[str, int], None]
"""Told a table's name and how many of its rows more are done."""


class BackupError(Exception):
    """A backup can't be restored; the message says why."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds."""

    format: int
    schema: str
    created_at: str
    secret_fingerprint: str | None
    tables: dict[str, Checksum]


def write_backup(connection: Connection, file: Path, created_at: str, progress: Progress) -> Manifest:
    """Write everything that ``connection``'s transaction sees into ``file``, whole or not at all."""
    draft = file.with_name(f"{file.name}.part")
    tables: dict[str, Checksum] = {}
    draft.touch(mode=0o600)
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for table in travelling_tables():
            rows, state = 0, hashlib.sha256()
            with archive.open(f"{table.name}.jsonl", "w", force_zip64=True) as member:
                for batch in read_batches(connection, table):
                    lines = b"".join(encode_row(row) for row in batch)
                    member.write(lines)
                    state.update(lines)
                    rows += len(batch)
                    progress(table.name, len(batch))
            tables[table.name] = Checksum(rows, state.hexdigest())
        manifest = Manifest(
            format=FORMAT,
            schema=current_revision(connection) or "",
            created_at=created_at,
            secret_fingerprint=installation.secret_fingerprint(connection),
            tables=tables,
        )
        archive.writestr(_MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
    draft.rename(file)
    return manifest


def read_manifest(file: Path) -> Manifest:
    """Return what a backup says of itself."""
    try:
        with zipfile.ZipFile(file) as archive:
            manifest = msgspec.json.decode(archive.read(_MANIFEST), type=Manifest)
    except (OSError, KeyError, zipfile.BadZipFile, msgspec.MsgspecError) as error:
        raise BackupError(f"{file} is not a backup of Wayvo's: {error}") from error
    if manifest.format != FORMAT:
        raise BackupError(f"{file} has the format {manifest.format}, which this version of Wayvo does not read.")
    return manifest


def restore_backup(file: Path, engine: Engine, progress: Progress) -> Manifest:
    """Fill an empty database from ``file``, at the schema the backup was made with; then bring it to the present one.

    The rows come in one transaction: a restore that fails leaves an empty database.
    """
    manifest = read_manifest(file)
    if not is_known(manifest.schema):
        raise BackupError(f"The backup has schema {manifest.schema}, which this version of Wayvo does not know.")
    with engine.connect() as connection:
        present = current_revision(connection)
    if present is not None and present != manifest.schema:
        raise BackupError("The database to restore into has a schema of its own. Restore into an empty one.")
    migrate(engine, manifest.schema)
    schema = MetaData()
    schema.reflect(engine)
    with engine.begin() as connection, zipfile.ZipFile(file) as archive:
        for table in travelling_tables(schema):
            if connection.execute(table.select().limit(1)).first() is not None:
                raise BackupError(f"The table {table.name} has rows already. Restore into an empty database.")
        for table in travelling_tables(schema):
            _restore_table(connection, archive, table, manifest.tables[table.name], progress)
    migrate(engine)
    return manifest


def _restore_table(
    connection: Connection, archive: zipfile.ZipFile, table: Table, expected: Checksum, progress: Progress
) -> None:
    rows, state = 0, hashlib.sha256()
    for batch, lines in _batches(archive, table.name):
        write_batch(connection, table, batch)
        state.update(lines)
        rows += len(batch)
        progress(table.name, len(batch))
    if Checksum(rows, state.hexdigest()) != expected:
        raise BackupError(f"The backup is damaged: the table {table.name} is not what its manifest says.")


def _batches(archive: zipfile.ZipFile, table: str) -> Iterator[tuple[list[Values], bytes]]:
    with archive.open(f"{table}.jsonl") as member:
        while lines := [line for _, line in zip(range(BATCH), member, strict=False)]:
            yield [msgspec.json.decode(line, type=list) for line in lines], b"".join(lines)
