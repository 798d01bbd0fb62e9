"""The options of the commands that run on the server's own machine. Every setting is a ``WAYVO_*`` variable too."""

import os
from typing import Annotated

import typer

from wayvo.cli.failures import CommandFailed, ExitCode
from wayvo.settings import SettingError, Settings, load, unknown_variables

Bind = Annotated[str | None, typer.Option("--bind", metavar="HOST:PORT", help="Where to listen [WAYVO_BIND].")]
DataDir = Annotated[
    str | None, typer.Option("--data-dir", metavar="PATH", help="The folder of the database [WAYVO_DATA_DIR].")
]
TlsCert = Annotated[str | None, typer.Option("--tls-cert", metavar="PEM", help="Certificate chain [WAYVO_TLS_CERT].")]
TlsKey = Annotated[str | None, typer.Option("--tls-key", metavar="PEM", help="Its private key [WAYVO_TLS_KEY].")]
BehindProxy = Annotated[
    bool | None,
    typer.Option(
        "--behind-proxy", help="A TLS proxy is in front; name it in WAYVO_TRUSTED_PROXIES [WAYVO_BEHIND_PROXY]."
    ),
]

Workers = Annotated[
    int | None, typer.Option("--workers", metavar="N", help="How many processes, on PostgreSQL [WAYVO_WORKERS].")
]


def read_settings(*, is_server: bool = True, **overrides: str | int | None) -> Settings:
    """Return the settings, or leave with what is wrong with them; how to listen matters to a server only."""
    given = {name: _as_text(value) for name, value in overrides.items()}
    try:
        settings = load(os.environ, given, is_server=is_server)
    except SettingError as error:
        raise CommandFailed(str(error), ExitCode.USAGE) from None
    for variable in unknown_variables(os.environ):
        typer.echo(f"Warning: {variable} is not a setting of this version; see docs/settings.md.", err=True)
    return settings


def _as_text(value: str | int | None) -> str | None:
    """Return an option's value as its variable would have it."""
    return str(value).lower() if isinstance(value, bool) else None if value is None else str(value)
