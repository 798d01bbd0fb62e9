"""``wayvo restore``."""

from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.exc import DBAPIError

from wayvo.cli.backup import secret_notice
from wayvo.cli.failures import CommandFailed, ExitCode
from wayvo.cli.server_options import DataDir, read_settings
from wayvo.cli.transfers import table_progress
from wayvo.store.backup import BackupError, restore_backup
from wayvo.store.data_folder import DataFolder, DataFolderError
from wayvo.store.engines import is_postgresql, writing_engine


def command(
    source: Annotated[Path, typer.Option("--from", metavar="FILE", help="A file that wayvo backup wrote.")],
    data_dir: DataDir = None,
) -> None:
    """Restore a backup into an empty database, and bring it to this version's schema. All of it, or nothing.

    Put the root secret in its place too: it is not in the backup.
    """
    settings = read_settings(data_dir=data_dir)
    url = settings.resolved_database_url
    try:
        if not is_postgresql(url):
            DataFolder(settings.data_dir)
        with table_progress() as progress:
            manifest = restore_backup(source, writing_engine(url), progress.more)
    except (BackupError, DataFolderError) as error:
        raise CommandFailed(str(error), ExitCode.USAGE) from None
    except DBAPIError as error:
        raise CommandFailed(f"The database can't be written: {error.orig}", ExitCode.UNAVAILABLE) from None
    rows = sum(table.rows for table in manifest.tables.values())
    typer.echo(f"{rows} rows restored, made at {manifest.created_at}.")
    typer.echo(
        secret_notice(settings.secret_place, manifest.secret_fingerprint).replace("It is in", "Put it in"), err=True
    )
