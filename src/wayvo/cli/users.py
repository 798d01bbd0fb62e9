"""``wayvo users``: the members of your organization."""

from typing import Annotated

import typer

from wayvo.cli.confirmation import confirm
from wayvo.cli.failures import CommandFailed, ExitCode
from wayvo.cli.listing import print_listing
from wayvo.cli.options import (
    DEFAULT_LIMIT,
    AsJson,
    Everything,
    IdempotencyKey,
    Limit,
    Yes,
    idempotency_key,
)
from wayvo.cli.output import Column, print_json, remark
from wayvo.cli.session import connect
from wayvo.cli.times import now, relative
from wayvo.client import calls
from wayvo.client.bodies import NewInvitation
from wayvo.client.models import User

app = typer.Typer(name="users", help="See, invite, promote and remove members.", no_args_is_help=True)

UserId = Annotated[str, typer.Argument(metavar="ID", help="The user's id: usr_…")]
RoleName = "owner, admin, developer, viewer, or the id of a custom role."


@app.command("list")
def list_users(
    ctx: typer.Context, *, limit: Limit = DEFAULT_LIMIT, everything: Everything = False, as_json: AsJson = False
) -> None:
    """List the members of your organization."""
    present = now()
    columns: list[Column[User]] = [
        Column("ID", lambda user: user.id, shed=3),
        Column("Email", lambda user: user.email),
        Column("Name", lambda user: user.name, shed=1),
        Column("Role", lambda user: user.role_name or user.role),
        Column("Since", lambda user: relative(user.created_at, present), shed=2),
    ]
    with connect(ctx) as client:
        wanted = None if everything else limit
        print_listing(client, calls.list_users(), columns, noun="users", limit=wanted, as_json=as_json)


@app.command("invite")
def invite_user(
    ctx: typer.Context,
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="Whom to invite.")],
    *,
    role: Annotated[str, typer.Option("--role", metavar="ROLE", help=RoleName)],
    repeat_key: IdempotencyKey = None,
    as_json: AsJson = False,
) -> None:
    """Invite somebody. The link is shown this once; without --json it stands alone on stdout."""
    invitation = NewInvitation(email=email, role=role)
    with connect(ctx) as client:
        answer = client.send(calls.create_invitation(invitation, idempotency_key=idempotency_key(repeat_key)))
    if as_json:
        print_json(answer.raw)
        return
    if answer.value.url is None:
        raise CommandFailed("This invitation was made before; its link was shown then.", ExitCode.CONFLICT)
    remark(f"Send this link to {answer.value.email}: it works once, within seven days, for whoever opens it.")
    typer.echo(answer.value.url)


@app.command("set-role")
def set_role(
    ctx: typer.Context,
    user_id: UserId,
    role: Annotated[str, typer.Argument(metavar="ROLE", help=RoleName)],
    *,
    as_json: AsJson = False,
) -> None:
    """Give a member another role, in force at once."""
    with connect(ctx) as client:
        answer = client.send(calls.change_user_role(user_id, role))
    if as_json:
        print_json(answer.raw)
        return
    remark(f"{answer.value.email} is {answer.value.role_name or answer.value.role} now.")


@app.command("remove")
def remove_user(ctx: typer.Context, user_id: UserId, *, yes: Yes = False, as_json: AsJson = False) -> None:
    """Remove a member from your organization and its projects. It asks, or wants --yes."""
    with connect(ctx) as client:

        def describe() -> tuple[str, tuple[str, ...]]:
            user = client.send(calls.get_user(user_id)).value
            return f"To remove {user.email}, type the address", (user.email,)

        confirm(describe, is_confirmed=yes)
        answer = client.send(calls.remove_user(user_id))
    if as_json:
        print_json(answer.raw)
        return
    remark(f"{answer.value.email} is no member any more.")
