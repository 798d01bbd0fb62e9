"""How API keys look to people, and how a secret reaches stdout: alone, after everything that is said about it."""

from collections.abc import Iterable, Mapping
from datetime import datetime

import typer

from wayvo.cli.failures import CommandFailed, ExitCode
from wayvo.cli.output import STATUS_STYLES, Column, print_json, print_record, remark
from wayvo.cli.times import exact, relative
from wayvo.client.flow import Answered
from wayvo.client.models import ApiKey, IssuedApiKey, Predecessor


def columns(present: datetime) -> list[Column[ApiKey]]:
    """Return the columns of a list of keys."""
    return [
        Column("ID", lambda key: key.id),
        Column("Name", lambda key: key.name),
        Column("Status", lambda key: key.status, styles=STATUS_STYLES),
        Column("Mode", lambda key: key.mode, shed=3),
        Column("Ends in", lambda key: f"…{key.last_four}" if key.last_four else "", shed=4),
        Column("Expires", lambda key: _when(key.expires_at, present), shed=1),
        Column("Last used", lambda key: _when(key.last_used_at, present), shed=2),
        Column("Created", lambda key: relative(key.created_at, present), shed=5),
        Column("Project", lambda key: key.project_id, shed=6),
    ]


def print_key(answer: Answered[ApiKey], present: datetime, *, as_json: bool) -> None:
    """Print one key in full."""
    if as_json:
        print_json(answer.raw)
        return
    key = answer.value

    def moment(at: datetime | None) -> str:
        return "" if at is None else f"{relative(at, present)} ({exact(at)})"

    print_record(
        [
            ("ID", key.id),
            ("Name", key.name),
            ("Description", key.description),
            ("Status", key.status),
            ("Revoked", moment(key.revoked_at)),
            ("Reason", key.revocation_reason or ""),
            ("Mode", key.mode),
            ("Begins with", f"{key.prefix}…" if key.prefix else ""),
            ("Ends in", f"…{key.last_four}" if key.last_four else ""),
            ("Project", key.project_id),
            ("Speaks for", f"{key.principal.type} {key.principal.id}" if key.principal is not None else ""),
            *access_rows(key.access),
            ("Networks", " ".join(key.allowed_networks) or "everywhere"),
            ("Metadata", " ".join(f"{name}={value}" for name, value in key.metadata.items())),
            ("Created", moment(key.created_at)),
            ("Created by", key.created_by or ""),
            ("Expires", moment(key.expires_at) or "never"),
            ("Last used", f"{moment(key.last_used_at)}{_from(key.last_used_network)}" if key.last_used_at else "never"),
            *(
                ("Used", f"{use.scope} on {use.audience}, {relative(use.last_used_at, present)}")
                for use in key.scopes_used
            ),
            ("Replaces", key.predecessor_id or ""),
            ("Replaced by", key.successor_id or ""),
        ]
    )


def print_issued(answer: Answered[IssuedApiKey], story: Iterable[str], *, as_json: bool) -> None:
    """Print a new key: the story on stderr, then the secret alone on stdout (or the whole answer as JSON).

    The story comes first, so that a secret that can't be written (a full disk) leaves its id behind, to revoke it.
    """
    key = answer.value
    if key.api_key is None:
        hint = f"{key.id} was made by the request that this one repeats, and its secret was shown then"
        if not as_json:
            raise CommandFailed(f"{hint}. wayvo keys rotate {key.id} makes a new one.", ExitCode.CONFLICT)
        remark(f"{hint}.")
        print_json(answer.raw)
        return
    for line in story:
        remark(line)
    try:
        if as_json:
            print_json(answer.raw)
        else:
            remark("The secret follows, this once. To use it with this command: export WAYVO_API_KEY=<the secret>")
            typer.echo(key.api_key)
    except OSError as fault:
        raise CommandFailed(f"The secret can't be written ({fault.strerror}): revoke {key.id}, or rotate it.") from None


def access_rows(access: Mapping[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    """Return what a credential may do, an audience a row."""
    return [("Access", f"{' '.join(scopes)} on {audience}") for audience, scopes in access.items()] or [
        ("Access", "none")
    ]


def about_creation(key: IssuedApiKey, present: datetime) -> list[str]:
    """Return what a person should know about a key just created."""
    held = "; ".join(text for _, text in access_rows(key.access))
    return [
        f"Created {key.id}, “{key.name}” ({key.mode}), which ends in …{key.last_four}.",
        f"Access: {held}. Expires: {_when(key.expires_at, present)}.",
    ]


def about_rotation(key: IssuedApiKey, old_id: str, present: datetime) -> list[str]:
    """Return what a person should know about a rotation: until when the old key works, and who may still use it."""
    old = key.predecessor or Predecessor(id=old_id)
    ends = (
        "has ended"
        if old.expires_at is None or old.expires_at <= present
        else (f"goes on working until {exact(old.expires_at)} ({relative(old.expires_at, present)})")
    )
    used = "was never used"
    if old.last_used_at is not None:
        used = f"was last used {relative(old.last_used_at, present)}{_from(old.last_used_network)}"
    return [
        f"Created {key.id}, “{key.name}” ({key.mode}), which ends in …{key.last_four}, in place of {old.id}.",
        f"The old key {ends}. It {used}.",
    ]


def _when(moment: datetime | None, present: datetime) -> str:
    return "never" if moment is None else relative(moment, present)


def _from(network: str | None) -> str:
    return f" from {network}" if network else ""
