"""``wayvo backup``."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.exc import DBAPIError

from wayvo.cli.failures import CommandFailed, ExitCode
from wayvo.cli.server_options import DataDir, read_settings
from wayvo.cli.transfers import table_progress
from wayvo.store import schema
from wayvo.store.backup import write_backup
from wayvo.store.engines import reading_engine


def command(
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="The file to write; it must not be there yet.")],
    data_dir: DataDir = None,
) -> None:
    """Back up the database into a file, while the servers go on. The file shows one moment.

    The root secret is not in it: keep that elsewhere, and keep it, for without it no key works.
    """
    settings = read_settings(data_dir=data_dir)
    if to.exists():
        raise CommandFailed(f"{to} is there already; a backup does not overwrite.", ExitCode.CONFLICT)
    engine = reading_engine(settings.resolved_database_url)
    try:
        schema.check(engine)
        with table_progress() as progress, engine.connect() as connection, connection.begin():
            manifest = write_backup(connection, to, datetime.now(UTC).isoformat(), progress.more)
    except (schema.OldSchema, schema.UnknownSchema) as error:
        raise CommandFailed(str(error), ExitCode.USAGE) from None
    except DBAPIError as error:
        raise CommandFailed(f"The database can't be read: {error.orig}", ExitCode.UNAVAILABLE) from None
    except OSError as error:
        raise CommandFailed(f"{to} can't be written: {error.strerror}") from None
    rows = sum(table.rows for table in manifest.tables.values())
    typer.echo(f"{to}: {rows} rows, schema {manifest.schema}.")
    typer.echo(secret_notice(settings.secret_place, manifest.secret_fingerprint), err=True)


def secret_notice(place: str, fingerprint: str | None) -> str:
    """Return what an operator must not overlook."""
    return (
        f"\nThe root secret (fingerprint {fingerprint}) is NOT in it. It is in {place}.\n"
        "Without it every key in the backup is dead: keep a copy of it in another safe place."
    )
