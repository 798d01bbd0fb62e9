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


def read_settings(**overrides: str | bool | None) -> Settings:
    """Return the settings, or leave with what is wrong with them."""
    given = {name: str(value).lower() if isinstance(value, bool) else value for name, value in overrides.items()}
    try:
        settings = load(os.environ, given)
    except SettingError as error:
        raise CommandFailed(str(error), ExitCode.USAGE) from None
    for variable in unknown_variables(os.environ):
        typer.echo(f"Warning: {variable} is not a setting of this version; see docs/settings.md.", err=True)
    return settings
