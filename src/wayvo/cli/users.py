"""``wayvo users``: the members of your organization."""

import typer

from wayvo.cli.listing import print_listing
from wayvo.cli.options import DEFAULT_LIMIT, AsJson, Everything, Limit
from wayvo.cli.output import Column
from wayvo.cli.session import connect
from wayvo.cli.times import now, relative
from wayvo.client import calls
from wayvo.client.models import User

app = typer.Typer(name="users", help="See the members of your organization.", no_args_is_help=True)


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
        Column("Role", lambda user: user.role),
        Column("Since", lambda user: relative(user.created_at, present), shed=2),
    ]
    with connect(ctx) as client:
        wanted = None if everything else limit
        print_listing(client, calls.list_users(), columns, noun="users", limit=wanted, as_json=as_json)
