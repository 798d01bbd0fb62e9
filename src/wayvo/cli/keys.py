"""``wayvo keys``: the whole life of API keys."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer
from msgspec import UNSET

from wayvo.cli import keys_import, keys_view
from wayvo.cli.confirmation import confirm
from wayvo.cli.listing import print_listing
from wayvo.cli.options import (
    DEFAULT_LIMIT,
    Accesses,
    AsJson,
    Description,
    Everything,
    ExpiresAt,
    ExpiresIn,
    IdempotencyKey,
    Limit,
    Metadata,
    Networks,
    ScopeNames,
    Yes,
    idempotency_key,
    only_one_of,
    read_access,
    read_expiry,
    read_metadata,
    something_of,
    split_scopes,
)
from wayvo.cli.session import connect
from wayvo.cli.times import ahead, back, duration, now
from wayvo.client import calls
from wayvo.client.bodies import ApiKeyChanges, NewApiKey, Revocation, Rotation
from wayvo.core.access.permissions import STARTING_SCOPES
from wayvo.core.credentials.format import Mode

app = typer.Typer(name="keys", help="Create, list, change, rotate, revoke and import API keys.", no_args_is_help=True)
app.command("import")(keys_import.import_keys)


class Status(StrEnum):
    """What a key is now."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


KeyId = Annotated[str, typer.Argument(metavar="ID", help="The key's id: key_…, never its secret.")]


@app.command("create")
def create_key(  # noqa: PLR0913 - an option each
    ctx: typer.Context,
    *,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What the key is called.")],
    description: Description = None,
    project: Annotated[
        str | None, typer.Option("--project", metavar="ID", help="The project it belongs to. Default: your key's own.")
    ] = None,
    user: Annotated[
        str | None,
        typer.Option("--user", metavar="ID", help="The member it speaks for. Default: the project's service account."),
    ] = None,
    mode: Annotated[Mode | None, typer.Option("--mode", help="Whether it is for real. Default: live.")] = None,
    scopes: ScopeNames = None,
    access: Accesses = None,
    no_scopes: Annotated[
        bool, typer.Option("--no-scopes", help=f"Don't start with {' and '.join(STARTING_SCOPES)} on Wayvo's own API.")
    ] = False,
    expires_in: ExpiresIn = None,
    expires_at: ExpiresAt = None,
    networks: Networks = None,
    metadata: Metadata = None,
    repeat_key: IdempotencyKey = None,
    as_json: AsJson = False,
) -> None:
    """Create a key. Its secret is shown once: without --json it is alone on stdout, ready for a pipe."""
    only_one_of({"--scope": scopes is not None, "--no-scopes": no_scopes})
    is_preset = not (scopes or access or no_scopes)
    own_scopes = STARTING_SCOPES if is_preset else split_scopes(scopes or ())
    key = NewApiKey(
        name=name,
        description=description or "",
        project_id=project,
        user_id=user,
        mode=mode,
        access=read_access(access) if access else None,
        scopes=own_scopes or None,
        expires_at=read_expiry(expires_in, expires_at),
        allowed_networks=tuple(networks or ()),
        metadata=read_metadata(metadata) if metadata else None,
    )
    with connect(ctx) as client:
        answer = client.send(calls.create_api_key(key, idempotency_key=idempotency_key(repeat_key)))
    story = keys_view.about_creation(answer.value, now())
    if is_preset:
        scope_list = " ".join(STARTING_SCOPES)
        story.append(f"Without --scope or --access a key starts with {scope_list}; --no-scopes takes that away.")
    keys_view.print_issued(answer, story, as_json=as_json)


@app.command("list")
def list_keys(  # noqa: PLR0913 - an option each
    ctx: typer.Context,
    *,
    project: Annotated[str | None, typer.Option("--project", metavar="ID", help="Keys of this project.")] = None,
    user: Annotated[str | None, typer.Option("--user", metavar="ID", help="Keys that speak for this member.")] = None,
    mode: Annotated[Mode | None, typer.Option("--mode", help="Keys of this mode.")] = None,
    status: Annotated[Status | None, typer.Option("--status", help="Keys that are this now.")] = None,
    text: Annotated[str | None, typer.Option("--text", metavar="TEXT", help="Keys with this in their text.")] = None,
    expiring_before: Annotated[
        datetime | None,
        typer.Option(
            "--expiring-before",
            parser=ahead,
            metavar="TIME",
            help="Keys that end before then: 30d from now, or a time in RFC 3339.",
        ),
    ] = None,
    unused_since: Annotated[
        datetime | None,
        typer.Option(
            "--unused-since",
            parser=back,
            metavar="TIME",
            help="Keys that nobody has used since then: 90d ago, or a time in RFC 3339.",
        ),
    ] = None,
    limit: Limit = DEFAULT_LIMIT,
    everything: Everything = False,
    as_json: AsJson = False,
) -> None:
    """List keys, the filters combined."""
    listing = calls.list_api_keys(
        project_id=project,
        user_id=user,
        mode=mode,
        status=status,
        text=text,
        expiring_before=expiring_before,
        unused_since=unused_since,
    )
    with connect(ctx) as client:
        columns = keys_view.columns(now())
        print_listing(client, listing, columns, noun="keys", limit=None if everything else limit, as_json=as_json)


@app.command("show")
def show_key(ctx: typer.Context, key_id: KeyId, *, as_json: AsJson = False) -> None:
    """Show a key: what it may do, when it ends, when and from where it was last used."""
    with connect(ctx) as client:
        keys_view.print_key(client.send(calls.get_api_key(key_id)), now(), as_json=as_json)


@app.command("update")
def update_key(  # noqa: PLR0913 - an option each
    ctx: typer.Context,
    key_id: KeyId,
    *,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="What the key is called.")] = None,
    description: Description = None,
    scopes: ScopeNames = None,
    no_scopes: Annotated[bool, typer.Option("--no-scopes", help="No scopes on Wayvo's own API any more.")] = False,
    access: Accesses = None,
    expires_in: ExpiresIn = None,
    expires_at: ExpiresAt = None,
    no_expiry: Annotated[bool, typer.Option("--no-expiry", help="The key doesn't end by itself any more.")] = False,
    networks: Networks = None,
    any_network: Annotated[bool, typer.Option("--any-network", help="The key works from everywhere again.")] = False,
    metadata: Metadata = None,
    no_metadata: Annotated[bool, typer.Option("--no-metadata", help="Forget all its metadata.")] = False,
    as_json: AsJson = False,
) -> None:
    """Change a key, in force at once. Lists (scopes, access, networks, metadata) are replaced as a whole."""
    only_one_of({"--scope": scopes is not None, "--no-scopes": no_scopes})
    only_one_of({"--network": networks is not None, "--any-network": any_network})
    only_one_of({"--metadata": metadata is not None, "--no-metadata": no_metadata})
    expiry = read_expiry(expires_in, expires_at)
    only_one_of({"--expires-in/--expires-at": expiry is not None, "--no-expiry": no_expiry})
    changes = ApiKeyChanges(
        name=UNSET if name is None else name,
        description=UNSET if description is None else description,
        scopes=UNSET if scopes is None and not no_scopes else split_scopes(scopes or ()),
        access=UNSET if access is None else read_access(access),
        expires_at=UNSET if expiry is None and not no_expiry else expiry,
        allowed_networks=UNSET if networks is None and not any_network else tuple(networks or ()),
        metadata=UNSET if metadata is None and not no_metadata else read_metadata(metadata or ()),
    )
    something_of(changes)
    with connect(ctx) as client:
        keys_view.print_key(client.send(calls.update_api_key(key_id, changes)), now(), as_json=as_json)


@app.command("rotate")
def rotate_key(
    ctx: typer.Context,
    key_id: KeyId,
    *,
    overlap: Annotated[
        timedelta | None,
        typer.Option(
            "--overlap",
            parser=duration,
            metavar="DURATION",
            help="For how long the old key goes on working: 0 to 30d. Default: 24h.",
        ),
    ] = None,
    expires_in: ExpiresIn = None,
    expires_at: ExpiresAt = None,
    repeat_key: IdempotencyKey = None,
    as_json: AsJson = False,
) -> None:
    """Replace a key by a new one with the same rights. The secret is shown once, without --json alone on stdout."""
    rotation = Rotation(
        overlap_seconds=None if overlap is None else int(overlap.total_seconds()),
        expires_at=read_expiry(expires_in, expires_at),
    )
    with connect(ctx) as client:
        answer = client.send(calls.rotate_api_key(key_id, rotation, idempotency_key=idempotency_key(repeat_key)))
    keys_view.print_issued(answer, keys_view.about_rotation(answer.value, key_id, now()), as_json=as_json)


@app.command("revoke")
def revoke_key(
    ctx: typer.Context,
    key_id: KeyId,
    *,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why, for the record.")] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """End a key, at once and for good. Asks for the key's name or last four characters, or wants --yes."""
    with connect(ctx) as client:

        def describe() -> tuple[str, tuple[str, ...]]:
            key = client.send(calls.get_api_key(key_id)).value
            return (
                f"To revoke the key “{key.name}”, type its name or its last four characters ({key.last_four})",
                (key.name, key.last_four),
            )

        confirm(describe, is_confirmed=yes)
        keys_view.print_key(
            client.send(calls.revoke_api_key(key_id, Revocation(reason=reason))), now(), as_json=as_json
        )
