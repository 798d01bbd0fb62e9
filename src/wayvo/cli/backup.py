"""``wayvo backup``."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from wayvo.cli.failures import CommandFailed, ExitCode
from wayvo.cli.secret_notice import notice_of_backup
from wayvo.cli.server_options import DataDir, read_settings
from wayvo.cli.transfers import table_progress, told
from wayvo.store import schema
from wayvo.store.backup import BackupError, write_backup
from wayvo.store.engines import reading_engine


def command(
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="The file to write; it must not be there yet.")],
    data_dir: DataDir = None,
) -> None:
    """Back up the database into a file, while the servers go on. The file shows one moment.

    One that wants to be migrated is backed up as it is.

    The root secret is not in it: keep that elsewhere, and keep it, for without it no key works.
    """
    settings = read_settings(is_server=False, data_dir=data_dir)
    if to.exists():
        raise CommandFailed(f"{to} is there already; a backup does not overwrite.", ExitCode.CONFLICT)
    try:
        with told("Nothing was backed up."):
            engine = reading_engine(settings.resolved_database_url)
            schema.check(engine, may_be_older=True)
            with table_progress() as progress, engine.connect() as connection, connection.begin():
                manifest = write_backup(connection, to, datetime.now(UTC).isoformat(timespec="seconds"), progress)
    except BackupError as error:
        raise CommandFailed(str(error), ExitCode.NOT_FOUND) from None
    except OSError as error:
        raise CommandFailed(f"{to} can't be written: {error.strerror or error}. Nothing was backed up.") from None
    typer.echo(f"{to}: {manifest.rows} rows, schema {manifest.schema}.")
    typer.echo(notice_of_backup(settings, manifest.secret_fingerprint), err=True)
