"""``wayvo copy``."""

from contextlib import nullcontext
from typing import Annotated

import typer
from sqlalchemy.exc import DBAPIError

from wayvo.cli.failures import CommandFailed, ExitCode
from wayvo.cli.transfers import table_progress
from wayvo.settings import SettingError, database_url
from wayvo.store import schema
from wayvo.store.copy import CopyError, copy
from wayvo.store.data_folder import DataFolder, DataFolderError
from wayvo.store.engines import is_postgresql, reading_engine, sqlite_path, writing_engine


def command(
    source: Annotated[str, typer.Option("--from", metavar="URL", help="Where everything is: sqlite:///PATH, or …")],
    target: Annotated[str, typer.Option("--to", metavar="URL", help="An empty database: postgresql://…, or …")],
) -> None:
    """Copy an installation to another database, and compare both. Stop its server first; keys go on working afterwards.

    A copy that was interrupted goes on where it stopped: run the same command again.
    """
    try:
        source_url, target_url = database_url("--from", source), database_url("--to", target)
        folder = None if is_postgresql(source_url) else DataFolder(sqlite_path(source_url).parent)
        # No server writes to the source meanwhile: what it would write might come too late for the copy.
        with folder.lock() if folder is not None else nullcontext():
            reader, writer = reading_engine(source_url), writing_engine(target_url)
            schema.check(reader)
            schema.migrate(writer)
            with table_progress() as progress, reader.connect() as connection, connection.begin():
                tables = copy(connection, writer, progress.at)
    except (SettingError, DataFolderError, schema.OldSchema, schema.UnknownSchema) as error:
        raise CommandFailed(str(error), ExitCode.USAGE) from None
    except CopyError as error:
        raise CommandFailed(str(error), ExitCode.CONFLICT) from None
    except DBAPIError as error:
        raise CommandFailed(f"A database can't be used: {error.orig}", ExitCode.UNAVAILABLE) from None
    for name, table in tables.items():
        typer.echo(f"{name}: {table.rows} rows, equal on both sides ({table.sha256[:16]})")
    typer.echo(
        "\nServe it with WAYVO_DATABASE_URL and WAYVO_SECRET_KEY, which has to be the source's root secret (on SQLite "
        "what stands in secret.key): without it no key works.",
        err=True,
    )
