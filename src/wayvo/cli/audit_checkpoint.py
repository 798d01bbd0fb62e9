"""``wayvo audit checkpoint``."""

import time

import msgspec
import typer

from wayvo.cli.audit_database import OrganizationId, opened
from wayvo.cli.failures import CommandFailed
from wayvo.cli.server_options import DataDir
from wayvo.store import audit_reading


def command(organization_id: OrganizationId = None, data_dir: DataDir = None) -> None:
    """Print how far each chain of the audit trail has come, a line of JSON each.

    Keep it away from the database: with it, wayvo audit verify misses whatever is cut off later.
    """
    now = time.time_ns() // 1000
    with opened(data_dir, organization_id) as trail:
        for owner in trail.organizations():
            chain = audit_reading.chain(trail.connection, owner)
            if chain is None or not trail.sealers.has_sealed(chain.seal, "head", owner, chain.head):
                raise CommandFailed(f"The end of {owner}'s chain is not what Wayvo recorded: run wayvo audit verify.")
            typer.echo(msgspec.json.encode(trail.sealers.checkpoint(owner, chain.head, now)))
