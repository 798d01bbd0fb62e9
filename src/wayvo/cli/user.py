"""``wayvo user``: users, for whoever commands the server's own machine."""

import secrets
import sys
from typing import Annotated, Final

import msgspec
import typer

from wayvo.cli.failures import CommandFailed, ExitCode
from wayvo.cli.naming import checked_email
from wayvo.cli.on_machine import run
from wayvo.cli.output import remark
from wayvo.cli.passwords import ask_password, read_password
from wayvo.cli.server_options import DataDir
from wayvo.installation import Installation
from wayvo.services.on_machine import OnMachine
from wayvo.services.passwords import hash_password

_GENERATED_BYTES: Final = 18


def reset_password_command(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="The user's address.")],
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin.")] = False,
    generate: Annotated[bool, typer.Option("--generate", help="Make a password, and print it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Give a user another password: asked for on a terminal, read from stdin, or made and shown this once."""
    checked_email("EMAIL", email)
    if generate and password_stdin:
        raise CommandFailed("--generate and --password-stdin exclude each other.", ExitCode.USAGE)
    if generate:
        password = secrets.token_urlsafe(_GENERATED_BYTES)
    elif password_stdin:
        password = read_password()
    elif sys.stdin.isatty():
        password = ask_password("The new password")
    else:
        raise CommandFailed("There is no terminal to ask on: use --password-stdin or --generate.", ExitCode.USAGE)
    password_hash = hash_password(password)
    user_id = run(
        data_dir, lambda installation, _: _reset(installation, email, password_hash), "No password was changed."
    )
    if user_id is None:
        raise CommandFailed(f"There is no user with the address {email}.", ExitCode.NOT_FOUND)
    if as_json:
        document = {"user_id": user_id} | ({"password": password} if generate else {})
        typer.echo(msgspec.json.encode(document).decode())
        return
    remark(f"{email} has another password." + (" It is shown this once:" if generate else ""))
    if generate:
        typer.echo(password)


async def _reset(installation: Installation, email: str, password_hash: str) -> str | None:
    services = OnMachine(installation.database, installation.draw, installation.digester)
    return await services.reset_password(email, password_hash)
