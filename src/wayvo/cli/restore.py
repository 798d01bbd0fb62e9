"""``wayvo restore``."""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from wayvo.cli.failures import CommandFailed, ExitCode
from wayvo.cli.secret_notice import notice_of_restore
from wayvo.cli.server_options import DataDir, read_settings
from wayvo.cli.transfers import table_progress, told
from wayvo.store.backup import BackupError, read_manifest, restore_backup
from wayvo.store.data_folder import DataFolder
from wayvo.store.engines import all_or_nothing


def command(
    source: Annotated[Path, typer.Option("--from", metavar="FILE", help="A file that wayvo backup wrote.")],
    data_dir: DataDir = None,
) -> None:
    """Restore a backup into an empty database, and bring it to this version's schema. All of it, or nothing.

    Put the root secret in its place too: it is not in the backup.
    """
    settings = read_settings(is_server=False, data_dir=data_dir)
    url = settings.resolved_database_url
    try:
        # Before a folder is made for it.
        read_manifest(source)
        with (
            told("Nothing was restored."),
            DataFolder(settings.database_path.parent).lock() if settings.is_on_sqlite else nullcontext(),
            all_or_nothing(url) as engine,
            table_progress() as progress,
        ):
            manifest = restore_backup(source, engine, progress)
    except BackupError as error:
        raise CommandFailed(f"{error} Nothing was restored.", ExitCode.INVALID) from None
    typer.echo(f"{manifest.rows} rows restored; the backup was made at {manifest.created_at}.")
    typer.echo(notice_of_restore(settings, manifest.secret_fingerprint), err=True)
