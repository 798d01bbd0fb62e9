"""``wayvo copy``."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Annotated

import typer

from wayvo.cli.failures import CommandFailed, ExitCode
from wayvo.cli.transfers import table_progress, told
from wayvo.settings import SettingError, database_url
from wayvo.store import schema
from wayvo.store.copy import CopyError, copy, hold_writers, prepare_target
from wayvo.store.data_folder import SECRET_FILE, DataFolder
from wayvo.store.engines import NoDatabase, holding_engine, is_postgresql, sqlite_path, writing_engine


def command(
    source: Annotated[
        str, typer.Option("--from", metavar="URL", help="Where everything is: sqlite:///PATH or postgresql://…")
    ],
    target: Annotated[
        str, typer.Option("--to", metavar="URL", help="An empty database: postgresql://… or sqlite:///PATH")
    ],
) -> None:
    """Copy an installation to another database, and compare both. Stop its server first; keys go on working afterwards.

    A copy that was interrupted goes on where it stopped: run the same command again.
    """
    try:
        source_url, target_url = database_url("--from", source), database_url("--to", target)
    except SettingError as error:
        raise CommandFailed(str(error), ExitCode.USAGE) from None
    try:
        with told("Nothing is lost: run the same command again to go on."), _alone_on(source_url, target_url):
            reader = holding_engine(source_url)
            schema.check(reader)
            with table_progress() as progress, reader.connect() as connection, connection.begin():
                fingerprint = hold_writers(connection)
                writer = writing_engine(target_url)
                prepare_target(writer)
                tables = copy(connection, writer, progress)
    except CopyError as error:
        raise CommandFailed(str(error), ExitCode.CONFLICT) from None
    for name, table in tables.items():
        typer.echo(f"{name}: {table.rows} rows, equal on both sides ({table.sha256[:16]})")
    typer.echo(_what_next(source_url, target_url, fingerprint), err=True)


@contextmanager
def _alone_on(source_url: str, target_url: str) -> Iterator[None]:
    """Let no server run on the data folders, as long as this runs (a PostgreSQL database is held by other means)."""
    if source_url == target_url:
        raise CommandFailed("--from and --to are one database.", ExitCode.USAGE)
    if not is_postgresql(source_url) and not sqlite_path(source_url).is_file():
        raise NoDatabase(f"There is no database at {sqlite_path(source_url)}.")
    folders = {sqlite_path(url).parent.absolute() for url in (source_url, target_url) if not is_postgresql(url)}
    with ExitStack() as stack:
        for folder in folders:
            stack.enter_context(DataFolder(folder).lock())
        yield


def _what_next(source_url: str, target_url: str, fingerprint: str) -> str:
    place = "the one that the source's nodes had"
    if not is_postgresql(source_url):
        place = f"what stands in {sqlite_path(source_url).parent / SECRET_FILE}, unless WAYVO_SECRET_KEY was given"
    return (
        "\nThe copy is complete. Serve it with WAYVO_DATABASE_URL (the URL of --to) and with the same root secret as\n"
        f"WAYVO_SECRET_KEY: {place} (fingerprint {fingerprint}).\n"
        "Without that secret no key works. Don't start the source again: what is written there now is not copied."
    )
