"""``wayvo operator-key``."""

import asyncio
from typing import Annotated, NoReturn

import msgspec
import typer

from wayvo.cli import serving, transfers
from wayvo.cli.failures import CommandFailed, ExitCode
from wayvo.cli.naming import checked_name
from wayvo.cli.server_options import DataDir, read_settings
from wayvo.core.credentials.api_key import Issued
from wayvo.edge import logs
from wayvo.installation import open_installation
from wayvo.services.operator_key import issue_operator_key
from wayvo.settings import Settings
from wayvo.store import schema
from wayvo.store.engines import NoDatabase, reading_engine


def command(
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What to call the key.")] = "Operator",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Make a key that holds everything on Wayvo's own API: to begin with, or when the last one is lost.

    It needs access to the server's database and root secret, and no credential; a running server takes the key at once.
    Without --json it stands alone on stdout.
    """
    name = checked_name("--name", name)
    settings = read_settings(is_server=False, data_dir=data_dir)
    logs.configure(settings.log_format, "warning")
    _look_at(settings)
    with serving.told(settings):
        issued = asyncio.run(_issue(settings, name))
    if issued is None:
        _refuse_unfounded()
    if as_json:
        typer.echo(msgspec.json.encode({"id": issued.key.id, "api_key": issued.secret}).decode())
        return
    typer.echo(f"{issued.key.id} holds everything on Wayvo's own API. It is shown this once:", err=True)
    typer.echo(issued.secret)


def _look_at(settings: Settings) -> None:
    """See that there is a database of this version, before anything is made: servers may be working on it."""
    with transfers.told("No key was made."):
        try:
            engine = reading_engine(settings.resolved_database_url)
        except NoDatabase:
            _refuse_unfounded()
        with engine.connect() as connection:
            is_empty = schema.current_revision(connection) is None
        if is_empty:
            _refuse_unfounded()
        schema.check(engine)
        engine.dispose()


def _refuse_unfounded() -> NoReturn:
    raise CommandFailed("The installation is not set up yet: run wayvo init first.", ExitCode.NOT_FOUND)


async def _issue(settings: Settings, name: str) -> Issued | None:
    async with open_installation(settings, is_server=False) as installation:
        return await issue_operator_key(installation.database, installation.draw, installation.digester, name)
