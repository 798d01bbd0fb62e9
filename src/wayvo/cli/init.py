"""``wayvo init``."""

import asyncio
from typing import Annotated

import msgspec
import typer

from wayvo.cli.failures import CommandFailed, ExitCode
from wayvo.cli.founding import found_installation
from wayvo.cli.naming import checked_email, checked_name
from wayvo.cli.passwords import read_password
from wayvo.cli.server_options import DataDir, read_settings
from wayvo.cli.serving import told
from wayvo.core.access.scopes import EVERYTHING
from wayvo.edge import logs
from wayvo.installation import open_installation
from wayvo.services.bootstrap import Founded
from wayvo.settings import Settings


def command(
    organization: Annotated[str, typer.Option("--organization", metavar="NAME", help="The operator's organization.")],
    email: Annotated[str, typer.Option("--email", metavar="EMAIL", help="Its owner's address.")],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the owner's password from stdin.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Set up an empty installation, unattended: the operator's organization, its owner, a project and a first key.

    The key holds everything on Wayvo's own API and is shown this once. Without --json it stands alone on stdout.
    """
    organization = checked_name("--organization", organization)
    checked_email("--email", email)
    password = read_password() if password_stdin else None
    settings = read_settings(is_server=False, data_dir=data_dir)
    logs.configure(settings.log_format, "warning")
    with told(settings):
        founded = asyncio.run(_found(settings, organization, email, password))
    if founded is None:
        place = settings.data_dir if settings.is_on_sqlite else settings.database_name
        raise CommandFailed(f"The installation in {place} is set up already.", ExitCode.CONFLICT)
    _print(founded, as_json=as_json)


async def _found(settings: Settings, organization: str, email: str, password: str | None) -> Founded | None:
    async with open_installation(settings, is_server=False) as installation:
        return await found_installation(
            installation,
            organization=organization,
            email=email,
            password=password,
            key_name="Operator",
            scopes=(EVERYTHING,),
        )


def _print(founded: Founded, *, as_json: bool) -> None:
    if as_json:
        document = {
            "organization_id": founded.organization.id,
            "user_id": founded.owner.id,
            "project_id": founded.project.id,
            "api_key_id": founded.issued.key.id,
            "api_key": founded.issued.secret,
        }
        typer.echo(msgspec.json.encode(document).decode())
        return
    typer.echo(f"{founded.organization.name} is set up; {founded.owner.email} owns it.", err=True)
    typer.echo("This key holds everything on Wayvo's own API. It is shown this once:", err=True)
    typer.echo(founded.issued.secret)
