"""``wayvo invitations``: how somebody becomes a member. ``wayvo users invite`` makes one."""

import sys
from typing import Annotated

import typer

from wayvo.cli.failures import CommandFailed, ExitCode
from wayvo.cli.listing import print_listing
from wayvo.cli.options import DEFAULT_LIMIT, AsJson, Everything, Limit
from wayvo.cli.output import Column, print_json, remark
from wayvo.cli.passwords import checked_password
from wayvo.cli.session import connect, connect_without_key
from wayvo.cli.times import now, relative
from wayvo.client import calls
from wayvo.client.bodies import Acceptance
from wayvo.client.models import Invitation
from wayvo.core.invitations import token_in

app = typer.Typer(name="invitations", help="List, withdraw and accept invitations.", no_args_is_help=True)


@app.command("list")
def list_invitations(
    ctx: typer.Context, *, limit: Limit = DEFAULT_LIMIT, everything: Everything = False, as_json: AsJson = False
) -> None:
    """List your organization's invitations, ended ones too."""
    present = now()
    columns: list[Column[Invitation]] = [
        Column("ID", lambda invitation: invitation.id, shed=1),
        Column("Email", lambda invitation: invitation.email),
        Column("Role", lambda invitation: invitation.role),
        Column("Status", lambda invitation: invitation.status),
        Column("Made", lambda invitation: relative(invitation.created_at, present), shed=3),
        Column("Ends", lambda invitation: relative(invitation.expires_at, present), shed=2),
    ]
    with connect(ctx) as client:
        wanted = None if everything else limit
        print_listing(client, calls.list_invitations(), columns, noun="invitations", limit=wanted, as_json=as_json)


@app.command("withdraw")
def withdraw_invitation(
    ctx: typer.Context,
    invitation_id: Annotated[str, typer.Argument(metavar="ID", help="The invitation's id: inv_…")],
    *,
    as_json: AsJson = False,
) -> None:
    """End an open invitation; its link opens nothing any more."""
    with connect(ctx) as client:
        answer = client.send(calls.withdraw_invitation(invitation_id))
    if as_json:
        print_json(answer.raw)
        return
    remark(f"The invitation of {answer.value.email} is {answer.value.status}.")


@app.command("accept")
def accept_invitation(
    ctx: typer.Context,
    *,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="Your name, if you are new.")] = None,
    as_json: AsJson = False,
) -> None:
    """Become a member. It asks for the link and a password; without a terminal they are the first lines of stdin.

    Neither is an option, which `ps` and the shell's history would show. No password: an empty line.
    """
    link, password = _ask() if sys.stdin.isatty() else (_line(), _line())
    if not (token := token_in(link)):
        raise CommandFailed("The first line of stdin is the invitation's link.", ExitCode.USAGE)
    acceptance = Acceptance(token=token, name=name, password=checked_password(password) if password else None)
    with connect_without_key(ctx) as client:
        answer = client.send(calls.accept_invitation(acceptance))
    if as_json:
        print_json(answer.raw)
        return
    user = answer.value.user
    remark(f"{user.email} is a member of {answer.value.organization.name}: {user.role_name or user.role}.")


def _ask() -> tuple[str, str]:
    link: str = typer.prompt("The link", hide_input=True, err=True)
    password: str = typer.prompt("A password (empty: none)", hide_input=True, default="", show_default=False, err=True)
    return link, password


def _line() -> str:
    try:
        return sys.stdin.readline(4096).rstrip("\r\n")
    except UnicodeError:
        raise CommandFailed("What came on stdin is not in UTF-8.", ExitCode.USAGE) from None
