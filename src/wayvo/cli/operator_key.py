"""``wayvo operator-key``."""

from typing import Annotated

import msgspec
import typer

from wayvo.cli.naming import checked_name
from wayvo.cli.on_machine import refuse_unfounded, run
from wayvo.cli.server_options import DataDir
from wayvo.core.credentials.api_key import Issued
from wayvo.installation import Installation
from wayvo.services.operator_key import issue_operator_key


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
    issued = run(data_dir, lambda installation, _: _issue(installation, name), "No key was made.")
    if issued is None:
        refuse_unfounded()
    if as_json:
        typer.echo(msgspec.json.encode({"id": issued.key.id, "api_key": issued.secret}).decode())
        return
    typer.echo(f"{issued.key.id} holds everything on Wayvo's own API. It is shown this once:", err=True)
    typer.echo(issued.secret)


async def _issue(installation: Installation, name: str) -> Issued | None:
    return await issue_operator_key(installation.database, installation.draw, installation.digester, name)
