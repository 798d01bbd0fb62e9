"""``wayvo roles``: what members may do."""

from typing import Annotated

import typer
from msgspec import UNSET

from wayvo.cli.confirmation import confirm
from wayvo.cli.listing import print_listing
from wayvo.cli.options import (
    DEFAULT_LIMIT,
    Accesses,
    AsJson,
    Description,
    Everything,
    IdempotencyKey,
    Limit,
    Yes,
    idempotency_key,
    only_one_of,
    read_access,
    something_of,
    split_scopes,
)
from wayvo.cli.output import Column, print_json, print_record, remark
from wayvo.cli.session import connect
from wayvo.cli.times import exact
from wayvo.client import calls
from wayvo.client.bodies import NewRole, RoleChanges
from wayvo.client.flow import Answered
from wayvo.client.models import Role

app = typer.Typer(name="roles", help="List, create, change and delete roles.", no_args_is_help=True)

RoleId = Annotated[str, typer.Argument(metavar="ID", help="The role's id: rol_…, or the name of a built-in one.")]
Permissions = Annotated[
    list[str] | None,
    typer.Option("--permission", metavar="PERMISSION", help="What it allows, such as users:read. Repeatable."),
]


@app.command("list")
def list_roles(
    ctx: typer.Context, *, limit: Limit = DEFAULT_LIMIT, everything: Everything = False, as_json: AsJson = False
) -> None:
    """List the built-in roles and your organization's own."""
    columns: list[Column[Role]] = [
        Column("ID", lambda role: role.id),
        Column("Name", lambda role: role.name),
        Column("Kind", lambda role: "built in" if role.built_in else "custom", shed=2),
        Column("Permissions", lambda role: " ".join(role.permissions), shed=1),
        Column("Description", lambda role: role.description, shed=3),
    ]
    with connect(ctx) as client:
        wanted = None if everything else limit
        print_listing(client, calls.list_roles(), columns, noun="roles", limit=wanted, as_json=as_json)


@app.command("show")
def show_role(ctx: typer.Context, role_id: RoleId, *, as_json: AsJson = False) -> None:
    """Show a role with all that it allows."""
    with connect(ctx) as client:
        _print_role(client.send(calls.get_role(role_id)), as_json=as_json)


@app.command("create")
def create_role(
    ctx: typer.Context,
    *,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="The role's name.")],
    permissions: Permissions = None,
    access: Accesses = None,
    description: Description = None,
    repeat_key: IdempotencyKey = None,
    as_json: AsJson = False,
) -> None:
    """Create a role that allows nothing but what you name, and you hold. Without --json its id alone is on stdout."""
    role = NewRole(
        name=name,
        permissions=split_scopes(permissions or ()),
        description=description or "",
        access=read_access(access) if access else None,
    )
    with connect(ctx) as client:
        answer = client.send(calls.create_role(role, idempotency_key=idempotency_key(repeat_key)))
    if as_json:
        print_json(answer.raw)
        return
    remark(f"The role “{answer.value.name}” has this id:")
    typer.echo(answer.value.id)


@app.command("update")
def update_role(
    ctx: typer.Context,
    role_id: RoleId,
    *,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="Its new name.")] = None,
    description: Description = None,
    permissions: Permissions = None,
    no_permissions: Annotated[bool, typer.Option("--no-permissions", help="It allows nothing on Wayvo's API.")] = False,
    access: Accesses = None,
    no_access: Annotated[bool, typer.Option("--no-access", help="It allows nothing on other APIs.")] = False,
    as_json: AsJson = False,
) -> None:
    """Change a role, for everybody who has it. --permission and --access replace all that it allowed of each."""
    only_one_of({"--permission": permissions is not None, "--no-permissions": no_permissions})
    only_one_of({"--access": access is not None, "--no-access": no_access})
    changes = RoleChanges(
        name=UNSET if name is None else name,
        description=UNSET if description is None else description,
        permissions=UNSET if permissions is None and not no_permissions else split_scopes(permissions or ()),
        access=UNSET if access is None and not no_access else read_access(access or ()),
    )
    something_of(changes)
    with connect(ctx) as client:
        _print_role(client.send(calls.update_role(role_id, changes)), as_json=as_json)


@app.command("delete")
def delete_role(ctx: typer.Context, role_id: RoleId, *, yes: Yes = False, as_json: AsJson = False) -> None:
    """Delete a role that nobody has. This can't be undone, so it asks, or wants --yes."""
    with connect(ctx) as client:

        def describe() -> tuple[str, tuple[str, ...]]:
            role = client.send(calls.get_role(role_id)).value
            return f"To delete the role “{role.name}”, type its name", (role.name,)

        confirm(describe, is_confirmed=yes)
        _print_role(client.send(calls.delete_role(role_id)), as_json=as_json)


def _print_role(answer: Answered[Role], *, as_json: bool) -> None:
    if as_json:
        print_json(answer.raw)
        return
    role = answer.value
    print_record(
        [
            ("ID", role.id),
            ("Name", role.name),
            ("Description", role.description),
            ("Kind", "built in" if role.built_in else "custom"),
            ("Permissions", " ".join(role.permissions)),
            *((f"Access {audience}", " ".join(scopes)) for audience, scopes in role.access.items()),
            ("Created", "" if role.created_at is None else exact(role.created_at)),
        ]
    )
