"""``wayvo org``: organizations, for whoever commands the server's own machine."""

from typing import Annotated, Any, Final

import msgspec
import typer

from wayvo.cli.failures import CommandFailed, ExitCode
from wayvo.cli.naming import checked_email, checked_name
from wayvo.cli.on_machine import refuse_unfounded, run
from wayvo.cli.output import STATUS_STYLES, Column, print_json, print_table, remark
from wayvo.cli.server_options import DataDir
from wayvo.core.errors import NotFound, Problem
from wayvo.core.instants import format_instant
from wayvo.core.invitations import link
from wayvo.core.organizations import Organization
from wayvo.installation import Installation
from wayvo.services.on_machine import OnMachine, Opened
from wayvo.services.organizations import CreateOrganization

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
OrganizationId = Annotated[str, typer.Argument(metavar="ID", help="The organization's id: org_…")]

_NOTHING_DONE: Final = "Nothing was changed."


def create_command(
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="The organization's name.")],
    owner_email: Annotated[str, typer.Option("--owner-email", metavar="EMAIL", help="Who is invited to own it.")],
    key: Annotated[bool, typer.Option("--key", help="Make a first key too; it holds everything there.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Create an organization with a first project, and invite its owner; a running server knows it at once.

    The link begins with WAYVO_PUBLIC_URL, as the servers' links do.
    Without --json the link stands alone on stdout, and with --key the key on the line below.
    """
    command = CreateOrganization(
        name=checked_name("--name", name), owner_email=checked_email("--owner-email", owner_email)
    )
    opened, url = run(
        data_dir,
        lambda installation, settings: _create(installation, command, settings.public_url, with_key=key),
        "No organization was made.",
    )
    if opened is None:
        refuse_unfounded()
    _print_opened(opened, url, as_json=as_json)


def list_command(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List all organizations, the newest first."""
    found = run(data_dir, lambda installation, _: _services(installation).list_organizations(), _NOTHING_DONE)
    if as_json:
        print_json(msgspec.json.encode([_document(organization) for organization in found]))
        return
    columns: list[Column[Organization]] = [
        Column("ID", lambda organization: organization.id),
        Column("Name", lambda organization: organization.name),
        Column("Status", _status, styles=STATUS_STYLES),
        Column("Created", lambda organization: format_instant(organization.created_at), shed=1),
    ]
    if found:
        print_table(columns, found)
    else:
        remark("No organizations.")


def disable_command(organization_id: OrganizationId, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Deny an organization everything, however many keys it has, until it is enabled again.

    Running servers know it within a second.
    """
    _switch(organization_id, is_disabled=True, as_json=as_json, data_dir=data_dir)


def enable_command(organization_id: OrganizationId, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Let a disabled organization go on: its keys work again as they did."""
    _switch(organization_id, is_disabled=False, as_json=as_json, data_dir=data_dir)


async def _create(
    installation: Installation, command: CreateOrganization, public_url: str, *, with_key: bool
) -> tuple[Opened | None, str]:
    opened = await _services(installation).create_organization(command, "First key" if with_key else None)
    return opened, "" if opened is None else link(public_url, opened.opening.owner.token)


def _switch(organization_id: str, *, is_disabled: bool, as_json: bool, data_dir: str | None) -> None:
    switched = run(
        data_dir,
        lambda installation, _: _services(installation).switch_organization(organization_id, is_disabled=is_disabled),
        _NOTHING_DONE,
    )
    if isinstance(switched, Problem):
        is_missing = isinstance(switched, NotFound)
        message = "There is no such organization." if is_missing else f"{switched.title}. {switched.detail}"
        raise CommandFailed(message, ExitCode.NOT_FOUND if is_missing else ExitCode.CONFLICT)
    if as_json:
        print_json(msgspec.json.encode(_document(switched)))
        return
    remark(f"“{switched.name}” is {_status(switched)}. Running servers know it within a second.")


def _services(installation: Installation) -> OnMachine:
    return OnMachine(installation.database, installation.draw, installation.digester)


def _print_opened(opened: Opened, url: str, *, as_json: bool) -> None:
    opening, issued = opened.opening, opened.issued
    if as_json:
        document: dict[str, Any] = {
            "organization_id": opening.organization.id,
            "project_id": opening.project.id,
            "invitation_id": opening.owner.invitation.id,
            "invitation_url": url,
        }
        if issued is not None:
            document |= {"api_key_id": issued.key.id, "api_key": issued.secret}
        typer.echo(msgspec.json.encode(document).decode())
        return
    invitation = opening.owner.invitation
    remark(f"{opening.organization.id} “{opening.organization.name}” is set up.")
    remark(f"Send this link to {invitation.email}: it makes whoever opens it the owner, once, within seven days.")
    typer.echo(url)
    if issued is not None:
        remark(f"{issued.key.id} holds everything there on Wayvo's own API. It is shown this once:")
        typer.echo(issued.secret)


def _status(organization: Organization) -> str:
    return "active" if organization.disabled_at is None else "disabled"


def _document(organization: Organization) -> dict[str, Any]:
    disabled_at = organization.disabled_at
    return {
        "id": organization.id,
        "name": organization.name,
        "status": _status(organization),
        "is_operator": organization.is_operator,
        "created_at": format_instant(organization.created_at),
        "disabled_at": None if disabled_at is None else format_instant(disabled_at),
    }
