"""``wayvo audit``: what has happened, over REST; and the trail itself, on the server's own machine."""

from datetime import datetime
from typing import Annotated, Final

import typer

from wayvo.cli.lazy import deferred, stand_in
from wayvo.cli.listing import print_listing
from wayvo.cli.options import DEFAULT_LIMIT, AsJson, Everything, Limit
from wayvo.cli.output import Column
from wayvo.cli.session import connect
from wayvo.cli.times import exact, instant
from wayvo.client import calls
from wayvo.client.models import AuditEvent

app = typer.Typer(name="audit", help="See, verify and export the audit trail.", no_args_is_help=True)

SERVER_COMMANDS: Final = (
    ("verify", "wayvo.cli.audit_verify", "Verify that the trail is as it was written."),
    ("export", "wayvo.cli.audit_export", "Print the trail as lines of JSON."),
    ("checkpoint", "wayvo.cli.audit_checkpoint", "Print how far the trail has come, to verify it by later."),
)
"""As those of the same name in :mod:`wayvo.cli.main`."""


@app.command("list")
def list_events(
    ctx: typer.Context,
    *,
    action: Annotated[
        str | None, typer.Option("--action", metavar="ACTION", help="Only this action, such as api_key.create.")
    ] = None,
    actor_id: Annotated[str | None, typer.Option("--actor", metavar="ID", help="Only what this one did.")] = None,
    target_id: Annotated[
        str | None, typer.Option("--target", metavar="ID", help="Only what was done to this one.")
    ] = None,
    since: Annotated[
        datetime | None, typer.Option("--since", parser=instant, metavar="TIME", help="Only from then on, in RFC 3339.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--until", parser=instant, metavar="TIME", help="Only before then, in RFC 3339.")
    ] = None,
    limit: Limit = DEFAULT_LIMIT,
    everything: Everything = False,
    as_json: AsJson = False,
) -> None:
    """List what has happened in your organization, the newest first."""
    columns: list[Column[AuditEvent]] = [
        Column("At", lambda event: exact(event.at)),
        Column("Action", lambda event: event.action),
        Column("Target", lambda event: event.target.id, shed=1),
        Column("Actor", lambda event: event.actor.id, shed=2),
        Column("Address", lambda event: event.address or "", shed=3),
        Column("ID", lambda event: event.id, shed=4),
    ]
    listing = calls.list_audit_events(action=action, actor_id=actor_id, target_id=target_id, since=since, until=until)
    with connect(ctx) as client:
        wanted = None if everything else limit
        print_listing(client, listing, columns, noun="events", limit=wanted, as_json=as_json)


for _name, _module, _help in SERVER_COMMANDS:
    app.command(
        _name, cls=deferred(_module, within="audit "), help=_help, rich_help_panel="On the server's own machine"
    )(stand_in)
