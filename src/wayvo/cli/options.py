"""Options that several commands share, and how their values are read."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Final
from uuid import uuid4

import typer
from msgspec import UNSET, Struct

from wayvo.cli.times import duration, instant, now, shifted

DEFAULT_LIMIT: Final = 50

AsJson = Annotated[bool, typer.Option("--json", help="Print the API's answer as JSON.")]
Limit = Annotated[int, typer.Option("--limit", min=1, metavar="N", help="List at most so many.")]
Everything = Annotated[bool, typer.Option("--all", help="List everything, however much it is.")]
Yes = Annotated[bool, typer.Option("--yes", help="Don't ask for confirmation.")]
IdempotencyKey = Annotated[
    str | None,
    typer.Option(
        "--idempotency-key",
        metavar="KEY",
        help="Repeating the same command with the same KEY within 24 hours makes nothing new. Default: a fresh one.",
    ),
]
Description = Annotated[str | None, typer.Option("--description", metavar="TEXT", help="What it is for.")]
ScopeNames = Annotated[
    list[str] | None,
    typer.Option("--scope", metavar="SCOPE", help="A scope on Wayvo's own API, such as users:read. Repeatable."),
]
Accesses = Annotated[
    list[str] | None,
    typer.Option(
        "--access",
        metavar="AUDIENCE=SCOPE,…",
        help="Scopes on the API with this audience: https://api.example.com=orders:read,orders:write. Repeatable.",
    ),
]
Networks = Annotated[
    list[str] | None,
    typer.Option("--network", metavar="CIDR", help="The key works from this network only. Repeatable."),
]
Metadata = Annotated[
    list[str] | None,
    typer.Option("--metadata", metavar="KEY=VALUE", help="Something to remember with the key. Repeatable."),
]
ExpiresIn = Annotated[
    timedelta | None,
    typer.Option("--expires-in", parser=duration, metavar="DURATION", help="When it ends, from now: 30d, 12h, …"),
]
ExpiresAt = Annotated[
    datetime | None,
    typer.Option("--expires-at", parser=instant, metavar="TIME", help="When it ends, in RFC 3339."),
]


def split_scopes(values: Iterable[str]) -> tuple[str, ...]:
    """Read ``a:read,b:read`` or repeated values."""
    return tuple(scope.strip() for value in values for scope in value.split(",") if scope.strip())


def read_access(values: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Read ``AUDIENCE=scope,scope`` values; the last ``=`` divides, as an audience may hold one and a scope can't."""
    access: dict[str, tuple[str, ...]] = {}
    for value in values:
        audience, _, scopes = value.rpartition("=")
        if not audience or not scopes:
            raise typer.BadParameter("give AUDIENCE=SCOPE,SCOPE.", param_hint="'--access'")
        access[audience] = access.get(audience, ()) + split_scopes([scopes])
    return access


def read_metadata(values: Iterable[str]) -> Mapping[str, str]:
    """Read ``KEY=VALUE`` values."""
    metadata: dict[str, str] = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not name or not equals:
            raise typer.BadParameter("give KEY=VALUE.", param_hint="'--metadata'")
        if name in metadata:
            raise typer.BadParameter(f"{name} is given twice.", param_hint="'--metadata'")
        metadata[name] = text
    return metadata


def read_expiry(expires_in: timedelta | None, expires_at: datetime | None) -> datetime | None:
    """Return when it ends, from either option."""
    only_one_of({"--expires-in": expires_in is not None, "--expires-at": expires_at is not None})
    return expires_at if expires_in is None else shifted(now(), expires_in)


def only_one_of(given: Mapping[str, bool]) -> None:
    """End in a usage error when more than one of the options is given."""
    names = [name for name, is_given in given.items() if is_given]
    if len(names) > 1:
        raise typer.BadParameter("they exclude each other.", param_hint=names)


def something_of(changes: Struct) -> None:
    """End in a usage error when an update would change nothing."""
    if all(getattr(changes, name) is UNSET for name in changes.__struct_fields__):
        raise typer.BadParameter("nothing to change: give at least one (see --help).", param_hint="the options")


def idempotency_key(given: str | None) -> str:
    """Return the key to create with; a fresh one makes the client's own retries safe."""
    return str(uuid4()) if given is None else given
