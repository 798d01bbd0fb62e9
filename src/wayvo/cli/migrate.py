"""``wayvo migrate``."""

import typer

from wayvo.cli.failures import CommandFailed, ExitCode
from wayvo.cli.server_options import DataDir, read_settings
from wayvo.store.data_folder import DataFolder, DataFolderError
from wayvo.store.schema import UnknownSchema, current_revision, migrate
from wayvo.store.sqlite import create_sqlite_engine


def command(data_dir: DataDir = None) -> None:
    """Bring the database to this version's schema. `wayvo serve` does it too."""
    settings = read_settings(data_dir=data_dir)
    try:
        DataFolder(settings.data_dir)
        engine = create_sqlite_engine(settings.database_path, "BEGIN IMMEDIATE")
        migrate(engine)
    except (DataFolderError, UnknownSchema) as error:
        raise CommandFailed(str(error), ExitCode.USAGE) from None
    with engine.connect() as connection:
        typer.echo(f"The database in {settings.database_path} has schema {current_revision(connection)}.")
