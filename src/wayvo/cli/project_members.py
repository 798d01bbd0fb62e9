"""``wayvo projects members``: who may do more in one project than in the whole organization."""

from typing import Annotated

import typer

from wayvo.cli.listing import print_listing
from wayvo.cli.options import DEFAULT_LIMIT, AsJson, Everything, Limit
from wayvo.cli.output import Column, print_json, remark
from wayvo.cli.session import connect
from wayvo.cli.times import now, relative
from wayvo.client import calls
from wayvo.client.models import ProjectMember

app = typer.Typer(name="members", help="List, set and remove the members of a project.", no_args_is_help=True)

ProjectId = Annotated[str, typer.Argument(metavar="PROJECT", help="The project's id: prj_…")]
UserId = Annotated[str, typer.Argument(metavar="USER", help="The member's id: usr_…")]


@app.command("list")
def list_members(
    ctx: typer.Context,
    project_id: ProjectId,
    *,
    limit: Limit = DEFAULT_LIMIT,
    everything: Everything = False,
    as_json: AsJson = False,
) -> None:
    """List who holds a role in the project beyond the one in the organization."""
    present = now()
    columns: list[Column[ProjectMember]] = [
        Column("User", lambda member: member.user_id, shed=3),
        Column("Email", lambda member: member.email),
        Column("Name", lambda member: member.name, shed=1),
        Column("Role", lambda member: member.role_name or member.role),
        Column("Since", lambda member: relative(member.created_at, present), shed=2),
    ]
    listing = calls.list_project_members(project_id)
    with connect(ctx) as client:
        wanted = None if everything else limit
        print_listing(client, listing, columns, noun="members", limit=wanted, as_json=as_json)


@app.command("set")
def set_member(
    ctx: typer.Context,
    project_id: ProjectId,
    user_id: UserId,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="admin, developer, viewer, or the id of a custom role.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Give a member of your organization a role in the project, in place of the one held there."""
    with connect(ctx) as client:
        answer = client.send(calls.put_project_member(project_id, user_id, role))
    if as_json:
        print_json(answer.raw)
        return
    remark(f"{answer.value.email} is {answer.value.role_name or answer.value.role} in the project.")


@app.command("remove")
def remove_member(ctx: typer.Context, project_id: ProjectId, user_id: UserId, *, as_json: AsJson = False) -> None:
    """End a membership in the project; the one in the organization stays."""
    with connect(ctx) as client:
        answer = client.send(calls.remove_project_member(project_id, user_id))
    if as_json:
        print_json(answer.raw)
        return
    remark(f"{answer.value.email} holds no role of the project's own any more.")
