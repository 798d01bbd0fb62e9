"""``wayvo apis``: the APIs that Wayvo protects, by their audience."""

import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from msgspec import UNSET

from wayvo.cli.failures import CommandFailed, ExitCode
from wayvo.cli.listing import print_listing
from wayvo.cli.options import (
    DEFAULT_LIMIT,
    AsJson,
    Description,
    Everything,
    IdempotencyKey,
    Limit,
    idempotency_key,
    only_one_of,
    something_of,
)
from wayvo.cli.output import Column, print_json, print_record, remark
from wayvo.cli.session import connect
from wayvo.cli.times import exact
from wayvo.client import calls
from wayvo.client.bodies import ApiChanges, NewApi
from wayvo.client.flow import Answered
from wayvo.client.models import Operation, ProtectedApi, Scope

_STANDARD_INPUT: Final = Path("-")

app = typer.Typer(name="apis", help="Register and change the APIs that Wayvo protects.", no_args_is_help=True)


class Visibility(StrEnum):
    """Whose keys may have access to an API."""

    PRIVATE = "private"
    INSTALLATION = "installation"


class _FromFile(Operation, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """An operation as a file has it. With a slip in the name of ``scopes`` it would need none."""


ApiId = Annotated[str, typer.Argument(metavar="ID", help="The API's id: api_…")]
DeclaredScopes = Annotated[
    list[str] | None,
    typer.Option("--scope", metavar="SCOPE[=TEXT]", help="A scope that it declares, with what it allows. Repeatable."),
]
OperationsFile = Annotated[
    Path | None,
    typer.Option(
        "--operations",
        metavar="FILE",
        help="What it can do: a JSON list such as --json shows in “operations”. - reads standard input.",
        allow_dash=True,
    ),
]
VisibleTo = Annotated[
    Visibility | None,
    typer.Option("--visibility", help="private: your organization's keys only. installation: everyone's."),
]


@app.command("list")
def list_apis(
    ctx: typer.Context, *, limit: Limit = DEFAULT_LIMIT, everything: Everything = False, as_json: AsJson = False
) -> None:
    """List the protected APIs that your organization sees."""
    columns: list[Column[ProtectedApi]] = [
        Column("ID", lambda api: api.id, shed=1),
        Column("Audience", lambda api: api.audience),
        Column("Name", lambda api: api.name, shed=3),
        Column("Visibility", lambda api: "built in" if api.built_in else api.visibility, shed=2),
        Column("Scopes", lambda api: " ".join(scope.name for scope in api.scopes), shed=4),
    ]
    with connect(ctx) as client:
        wanted = None if everything else limit
        print_listing(client, calls.list_apis(), columns, noun="APIs", limit=wanted, as_json=as_json)


@app.command("create")
def create_api(
    ctx: typer.Context,
    *,
    audience: Annotated[str, typer.Option("--audience", metavar="URI", help="Its name to credentials: a URI.")],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Its name to people.")],
    description: Description = None,
    scopes: DeclaredScopes = None,
    operations: OperationsFile = None,
    visibility: VisibleTo = None,
    repeat_key: IdempotencyKey = None,
    as_json: AsJson = False,
) -> None:
    """Register a protected API. Without --json its id alone is on stdout."""
    api = NewApi(
        audience=audience,
        name=name,
        description=description or "",
        scopes=_read_scopes(scopes or ()),
        operations=() if operations is None else _read_operations(operations),
        visibility=visibility,
    )
    with connect(ctx) as client:
        answer = client.send(calls.create_api(api, idempotency_key=idempotency_key(repeat_key)))
    if as_json:
        print_json(answer.raw)
        return
    remark(f"The API “{answer.value.name}” ({answer.value.audience}) has this id:")
    typer.echo(answer.value.id)


@app.command("show")
def show_api(ctx: typer.Context, api_id: ApiId, *, as_json: AsJson = False) -> None:
    """Show a protected API with its scopes and operations."""
    with connect(ctx) as client:
        _print_api(client.send(calls.get_api(api_id)), as_json=as_json)


@app.command("update")
def update_api(
    ctx: typer.Context,
    api_id: ApiId,
    *,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="Its name to people.")] = None,
    description: Description = None,
    scopes: DeclaredScopes = None,
    no_scopes: Annotated[bool, typer.Option("--no-scopes", help="It declares no scopes any more.")] = False,
    operations: OperationsFile = None,
    visibility: VisibleTo = None,
    as_json: AsJson = False,
) -> None:
    """Change a protected API. --scope and --operations replace all that it declared of each."""
    only_one_of({"--scope": scopes is not None, "--no-scopes": no_scopes})
    changes = ApiChanges(
        name=UNSET if name is None else name,
        description=UNSET if description is None else description,
        scopes=UNSET if scopes is None and not no_scopes else _read_scopes(scopes or ()),
        operations=UNSET if operations is None else _read_operations(operations),
        visibility=UNSET if visibility is None else visibility,
    )
    something_of(changes)
    with connect(ctx) as client:
        _print_api(client.send(calls.update_api(api_id, changes)), as_json=as_json)


def _read_scopes(values: Iterable[str]) -> tuple[Scope, ...]:
    parts = [value.partition("=") for value in values]
    return tuple(Scope(name=name, description=text) for name, _, text in parts)


def _read_operations(file: Path) -> tuple[Operation, ...]:
    try:
        content = sys.stdin.buffer.read() if file == _STANDARD_INPUT else file.read_bytes()
    except OSError as error:
        raise CommandFailed(f"{file} can't be read: {error.strerror}.") from error
    try:
        return msgspec.json.decode(content, type=tuple[_FromFile, ...])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CommandFailed(f"{file} holds no list of operations: {error}.", ExitCode.INVALID) from error


def _print_api(answer: Answered[ProtectedApi], *, as_json: bool) -> None:
    if as_json:
        print_json(answer.raw)
        return
    api = answer.value
    print_record(
        [
            ("ID", api.id),
            ("Audience", api.audience),
            ("Name", api.name),
            ("Description", api.description),
            ("Visibility", "built in" if api.built_in else api.visibility),
            ("Created", exact(api.created_at)),
            *((f"Scope {scope.name}", scope.description or "(no description)") for scope in api.scopes),
            *(
                (
                    f"Operation {' '.join(operation.methods)} {operation.path}",
                    " ".join(operation.scopes) or "(no scopes)",
                )
                for operation in api.operations
            ),
        ]
    )
