"""``wayvo whoami``: who the server takes the caller for."""

import typer

from wayvo.cli.keys_view import access_rows
from wayvo.cli.options import AsJson
from wayvo.cli.output import print_json, print_record
from wayvo.cli.session import connect
from wayvo.cli.times import exact, now, relative
from wayvo.client import calls
from wayvo.client.models import BoundUser, WhoAmI

app = typer.Typer()


@app.command("whoami")
def whoami(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Show who you are to the server: your credential, organization, project and access."""
    with connect(ctx) as client:
        answer = client.send(calls.whoami())
    if as_json:
        print_json(answer.raw)
        return
    caller, credential = answer.value, answer.value.credential
    expires_at = credential.expires_at
    print_record(
        [
            ("Credential", f"{credential.name} ({credential.id})" if credential.name else credential.id),
            ("Kind", credential.kind),
            ("Mode", credential.mode),
            ("Expires", "never" if expires_at is None else f"{relative(expires_at, now())} ({exact(expires_at)})"),
            ("Speaks for", f"{caller.principal.type} {caller.principal.id}"),
            ("Organization", f"{caller.organization.name} ({caller.organization.id})"),
            ("Project", "" if caller.project is None else f"{caller.project.name} ({caller.project.id})"),
            ("User", "" if caller.user is None else f"{caller.user.email}, {_roles(caller.user)}"),
            *access_rows(caller.access),
            *((f"{name} in the project", text) for name, text in _in_project(caller)),
        ]
    )


def _roles(user: BoundUser) -> str:
    return user.role if user.project_role is None else f"{user.role}, in the project {user.project_role}"


def _in_project(caller: WhoAmI) -> list[tuple[str, str]]:
    return [] if caller.in_project is None else access_rows(caller.in_project.access)
