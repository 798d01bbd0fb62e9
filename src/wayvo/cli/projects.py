"""``wayvo projects``: what API keys belong to."""

from typing import Annotated

import typer

from wayvo.cli import project_members
from wayvo.cli.confirmation import confirm
from wayvo.cli.listing import print_listing
from wayvo.cli.options import (
    DEFAULT_LIMIT,
    AsJson,
    Description,
    Everything,
    IdempotencyKey,
    Limit,
    Yes,
    idempotency_key,
)
from wayvo.cli.output import STATUS_STYLES, Column, print_json, print_record, remark
from wayvo.cli.session import connect
from wayvo.cli.times import exact, now, relative
from wayvo.client import calls
from wayvo.client.bodies import NewProject, ProjectChanges
from wayvo.client.flow import Answered
from wayvo.client.models import Project

app = typer.Typer(name="projects", help="List, create, rename and archive projects.", no_args_is_help=True)
app.add_typer(project_members.app)

ProjectId = Annotated[str, typer.Argument(metavar="ID", help="The project's id: prj_…")]


@app.command("list")
def list_projects(
    ctx: typer.Context, *, limit: Limit = DEFAULT_LIMIT, everything: Everything = False, as_json: AsJson = False
) -> None:
    """List your organization's projects."""
    present = now()
    columns: list[Column[Project]] = [
        Column("ID", lambda project: project.id),
        Column("Name", lambda project: project.name),
        Column("Status", lambda project: project.status, shed=1, styles=STATUS_STYLES),
        Column("Created", lambda project: relative(project.created_at, present), shed=2),
        Column("Description", lambda project: project.description, shed=3),
    ]
    with connect(ctx) as client:
        wanted = None if everything else limit
        print_listing(client, calls.list_projects(), columns, noun="projects", limit=wanted, as_json=as_json)


@app.command("create")
def create_project(
    ctx: typer.Context,
    *,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="The project's name.")],
    description: Description = None,
    repeat_key: IdempotencyKey = None,
    as_json: AsJson = False,
) -> None:
    """Create a project. Without --json its id alone is on stdout."""
    project = NewProject(name=name, description=description or "")
    with connect(ctx) as client:
        answer = client.send(calls.create_project(project, idempotency_key=idempotency_key(repeat_key)))
    if as_json:
        print_json(answer.raw)
        return
    remark(f"The project “{answer.value.name}” has this id:")
    typer.echo(answer.value.id)


@app.command("rename")
def rename_project(
    ctx: typer.Context,
    project_id: ProjectId,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its new name.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Give a project another name."""
    with connect(ctx) as client:
        _print_project(client.send(calls.update_project(project_id, ProjectChanges(name=name))), as_json=as_json)


@app.command("archive")
def archive_project(ctx: typer.Context, project_id: ProjectId, *, yes: Yes = False, as_json: AsJson = False) -> None:
    """Archive a project. This can't be undone, so it asks, or wants --yes."""
    with connect(ctx) as client:

        def describe() -> tuple[str, tuple[str, ...]]:
            project = client.send(calls.get_project(project_id)).value
            return f"To archive the project “{project.name}”, type its name", (project.name,)

        confirm(describe, is_confirmed=yes)
        _print_project(client.send(calls.archive_project(project_id)), as_json=as_json)


def _print_project(answer: Answered[Project], *, as_json: bool) -> None:
    if as_json:
        print_json(answer.raw)
        return
    project = answer.value
    print_record(
        [
            ("ID", project.id),
            ("Name", project.name),
            ("Description", project.description),
            ("Status", project.status),
            ("Created", exact(project.created_at)),
            ("Archived", "" if project.archived_at is None else exact(project.archived_at)),
        ]
    )
