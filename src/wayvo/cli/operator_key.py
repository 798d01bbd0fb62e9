"""``wayvo operator-key``."""

import asyncio
from typing import Annotated

import msgspec
import typer

from wayvo.cli.failures import CommandFailed, ExitCode
from wayvo.cli.server_options import DataDir, read_settings
from wayvo.cli.serving import told
from wayvo.core.credentials.api_key import Issued
from wayvo.edge import logs
from wayvo.installation import open_installation
from wayvo.services.operator_key import issue_operator_key
from wayvo.settings import Settings


def command(
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What to call the key.")] = "Operator",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Make a key that holds everything on Wayvo's own API: to begin with, or when the last one is lost.

    It needs access to the server's database and root secret, and no credential; a running server takes the key at once.
    Without --json it stands alone on stdout.
    """
    if not 1 <= len(name.strip()) <= 100:
        raise CommandFailed("--name has 1 to 100 characters.", ExitCode.USAGE)
    settings = read_settings(data_dir=data_dir)
    logs.configure(settings.log_format, "warning")
    with told(settings):
        issued = asyncio.run(_issue(settings, name.strip()))
    if issued is None:
        raise CommandFailed("The installation is not set up yet: run wayvo init first.", ExitCode.NOT_FOUND)
    if as_json:
        typer.echo(msgspec.json.encode({"id": issued.key.id, "api_key": issued.secret}).decode())
        return
    typer.echo(f"{issued.key.id} holds everything on Wayvo's own API. It is shown this once:", err=True)
    typer.echo(issued.secret)


async def _issue(settings: Settings, name: str) -> Issued | None:
    async with open_installation(settings, is_server=False) as installation:
        return await issue_operator_key(installation.database, installation.draw, installation.digester, name)
