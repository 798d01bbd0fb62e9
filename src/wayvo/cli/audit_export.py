"""``wayvo audit export``."""

import time
from collections.abc import Iterator
from typing import Any

import msgspec
import typer

from wayvo.cli.audit_database import OrganizationId, opened
from wayvo.cli.failures import CommandFailed
from wayvo.cli.output import visible
from wayvo.cli.server_options import DataDir
from wayvo.core.audit_chain import FIELDS
from wayvo.core.audit_verification import StoredLink, verify
from wayvo.store import audit_reading


def command(organization_id: OrganizationId = None, data_dir: DataDir = None) -> None:
    """Print the audit trail as lines of JSON, in the order of its chains, and a checkpoint after each.

    It is verified on the way: where it is not what it was, the export ends with exit code 1 and without a checkpoint.
    """
    with opened(data_dir, organization_id) as trail:
        for owner in trail.organizations():
            chain = audit_reading.chain(trail.connection, owner)
            links = _printed(audit_reading.links(trail.connection, owner))
            found = verify(owner, chain, links, trail.sealers)
            if found.fault is not None:
                where = f"event {found.fault.sequence} ({found.fault.event_id or 'which is not there'})"
                raise CommandFailed(visible(f"{owner}: {where} {found.fault.what}."))
            checkpoint = trail.sealers.checkpoint(owner, found.last, time.time_ns() // 1000)
            typer.echo(msgspec.json.encode(checkpoint))
            if waiting := audit_reading.unchained(trail.connection, owner).number:
                typer.echo(f"{owner}: {waiting} events wait for their link and are left out.", err=True)


def _printed(links: Iterator[StoredLink]) -> Iterator[StoredLink]:
    for stored in links:
        line: dict[str, Any] = {"type": "event", **dict(zip(FIELDS, stored.record, strict=True))}
        for name in ("before", "after"):
            line[name] = _json(line[name])
        line |= {"sequence": stored.sequence, "mac": stored.mac.hex(), "secret": stored.secret}
        typer.echo(msgspec.json.encode(line))
        yield stored


def _json(text: Any) -> Any:
    """Return a state for a line of JSON: as it stands in the database, byte by byte, unless it was made unreadable."""
    if not isinstance(text, str):
        return text
    try:
        msgspec.json.decode(text)
    except msgspec.MsgspecError:
        return text
    return msgspec.Raw(text.encode())
