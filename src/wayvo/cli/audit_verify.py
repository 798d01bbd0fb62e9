"""``wayvo audit verify``."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from wayvo.cli.audit_database import OrganizationId, Trail, opened
from wayvo.cli.failures import CommandFailed, ExitCode
from wayvo.cli.output import visible
from wayvo.cli.server_options import DataDir
from wayvo.core.audit_chain import Checkpoint
from wayvo.core.audit_verification import Verification, verify
from wayvo.core.instants import SECOND_US
from wayvo.store import audit_reading

GRACE_SECONDS: Final = 60
"""How long an event may go without its link: a server chains it within a second, if one runs."""

_MAX_LINE_BYTES: Final = 16 << 20


def command(
    organization_id: OrganizationId = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint",
            metavar="FILE",
            help="What wayvo audit checkpoint or export wrote: nothing before it may be missing.",
        ),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Verify that the audit trail is as it was written, beside running servers.

    The first event that was edited, removed, reordered or inserted is named, and the exit code is 1. What was cut off
    at the end is surely missed with --checkpoint only.
    """
    with opened(data_dir, organization_id) as trail:
        checkpoints = [] if checkpoint is None else list(_read(checkpoint, trail))
        owners = list(trail.organizations())
        # A chain of which nothing is left is missed all the same.
        owners += sorted({made.organization_id for made in checkpoints} - set(owners)) if not organization_id else []
        is_whole = True
        for owner in owners:
            is_whole &= _verify(trail, owner, [made for made in checkpoints if made.organization_id == owner])
    if not is_whole:
        raise CommandFailed("The audit trail is not what it was.", ExitCode.FAULT)


def _verify(trail: Trail, owner: str, checkpoints: list[Checkpoint]) -> bool:
    connection = trail.connection
    chain, links = audit_reading.chain(connection, owner), audit_reading.links(connection, owner)
    found = verify(owner, chain, links, trail.sealers, checkpoints)
    typer.echo(visible(f"{owner}: {_summary(found)}"))
    for made in found.outdated:
        typer.echo(f"{owner}: the checkpoint at {made.sequence} lies in what was pruned since.")
    waiting = audit_reading.unchained(connection, owner)
    if waiting.oldest_at is None:
        return found.fault is None
    age = (time.time_ns() // 1000 - waiting.oldest_at) // SECOND_US
    typer.echo(f"{owner}: {waiting.number} events wait for their link, the oldest for {age} s.")
    if age > GRACE_SECONDS:
        typer.echo(f"{owner}: that is too long. A server links them: does one run?")
        return False
    return found.fault is None


def _summary(found: Verification) -> str:
    pruned = f", those up to {found.pruned.sequence} were pruned" if found.pruned.sequence else ""
    if found.fault is None:
        return f"{found.events} events, whole up to {found.last.sequence}{pruned}."
    named = f" ({found.fault.event_id})" if found.fault.event_id is not None else ""
    whole = f"{found.events} events before it are whole{pruned}"
    return f"event {found.fault.sequence}{named} {found.fault.what}. {whole}."


def _read(file: Path, trail: Trail) -> Iterator[Checkpoint]:
    """Yield the checkpoints in a file, which may be an export with its events."""
    count = 0
    try:
        with file.open("rb") as lines:
            while line := lines.readline(_MAX_LINE_BYTES):
                if msgspec.json.decode(line, type=dict).get("type") != "checkpoint":
                    continue
                made = msgspec.json.decode(line, type=Checkpoint)
                if not trail.sealers.made(made):
                    raise CommandFailed(
                        f"{file} has a checkpoint that was not made with this installation's root secret, or was "
                        f"changed since (secret {made.secret}, sequence {made.sequence}).",
                        ExitCode.INVALID,
                    )
                count += 1
                if trail.organization_id in (None, made.organization_id):
                    yield made
    except OSError as error:
        raise CommandFailed(f"{file} can't be read: {error.strerror or error}.", ExitCode.NOT_FOUND) from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise CommandFailed(f"{file} has a line that is no checkpoint and no event.", ExitCode.INVALID) from None
    if not count:
        raise CommandFailed(f"{file} holds no checkpoint.", ExitCode.INVALID)
