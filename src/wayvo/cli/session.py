"""How client commands reach a server: the URL from ``--url`` or ``WAYVO_URL``, the key from ``WAYVO_API_KEY`` alone."""

import os
from dataclasses import dataclass
from typing import Final

import typer

from wayvo.cli.failures import CommandFailed, ExitCode
from wayvo.client.sync import Client

DEFAULT_URL: Final = "http://127.0.0.1:8000"


@dataclass(frozen=True, slots=True)
class Target:
    """The server that the global options name."""

    url: str


def connect(ctx: typer.Context) -> Client:
    """Return a client for the command's server. The key never comes from a flag: `ps` and histories show those."""
    api_key = os.environ.get("WAYVO_API_KEY", "").strip()
    if not api_key:
        raise CommandFailed("Set WAYVO_API_KEY to your API key; this command needs one.", ExitCode.NOT_AUTHENTICATED)
    return _client(ctx, api_key)


def connect_without_key(ctx: typer.Context) -> Client:
    """Return a client for the command's server that sends no key, whatever the environment holds."""
    return _client(ctx, None)


def _client(ctx: typer.Context, api_key: str | None) -> Client:
    target = ctx.find_object(Target)
    url = DEFAULT_URL if target is None else target.url
    return Client(url, api_key, allow_http=os.environ.get("WAYVO_ALLOW_HTTP") == "1")
