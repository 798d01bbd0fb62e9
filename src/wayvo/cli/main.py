"""The ``wayvo`` command: every command is registered here, in one of two tuples."""

import sys
from errno import ENOSPC
from io import TextIOWrapper
from typing import Annotated, Any, Final

try:
    import typer
    from typer.core import TyperGroup
except ModuleNotFoundError as missing:  # `pip install wayvo` brings the client alone
    raise SystemExit(f"The wayvo command needs {missing.name}: pip install 'wayvo[cli]'") from None

from wayvo import __version__
from wayvo.cli import apis, audit, invitations, keys, projects, roles, users, whoami
from wayvo.cli.failures import EXPECTED, CommandFailed, report
from wayvo.cli.lazy import deferred, stand_in
from wayvo.cli.session import DEFAULT_URL, Target

CLIENT_COMMANDS: Final = (
    keys.app,
    whoami.app,
    users.app,
    invitations.app,
    roles.app,
    projects.app,
    apis.app,
    audit.app,
)
"""Typer apps; they need ``wayvo[cli]`` only."""

SERVER_COMMANDS: Final = (
    ("quickstart", "wayvo.cli.quickstart", "Set up a server with a first key, and serve it."),
    ("serve", "wayvo.cli.serve", "Serve the API, until SIGTERM or Ctrl-C."),
    ("init", "wayvo.cli.init", "Set up an organization, its owner, a project and a key, unattended."),
    ("operator-key", "wayvo.cli.operator_key", "Make a key that holds everything on Wayvo's own API."),
    ("migrate", "wayvo.cli.migrate", "Bring the database to this version's schema."),
    ("backup", "wayvo.cli.backup", "Back up the database into a file, while the servers go on."),
    ("restore", "wayvo.cli.restore", "Restore a backup into an empty database."),
    ("copy", "wayvo.cli.copy", "Copy an installation to another database: from SQLite to PostgreSQL."),
)
"""Name, module, help. The module is imported when the command is used; its function ``command`` is the command."""

SERVER_GROUPS: Final = (
    (
        "org",
        "Organizations, on the server's own machine.",
        "wayvo.cli.org",
        (
            ("create", "Create an organization, and invite its owner."),
            ("list", "List all organizations."),
            ("disable", "Deny an organization everything."),
            ("enable", "Let a disabled organization go on."),
        ),
    ),
    (
        "user",
        "Users, on the server's own machine.",
        "wayvo.cli.user",
        (("reset-password", "Give a user another password."),),
    ),
)
"""Name, help, module, and its commands: each is a function of the module, imported when it is used."""


class WayvoGroup(TyperGroup):
    """Where every command passes: an expected failure becomes a message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except EXPECTED as failure:
            raise typer.Exit(report(failure)) from None
        except OSError as failure:
            if failure.errno != ENOSPC:
                raise
            raise typer.Exit(report(CommandFailed("There is no space left on the device."))) from None


app = typer.Typer(
    name="wayvo",
    cls=WayvoGroup,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # a local may be a secret
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"wayvo {__version__}")
        raise typer.Exit


@app.callback()
def wayvo(
    ctx: typer.Context,
    url: Annotated[
        str, typer.Option("--url", envvar="WAYVO_URL", metavar="URL", help="The server, for commands that ask one.")
    ] = DEFAULT_URL,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
    """API keys for your API: run a Wayvo server, and manage one.

    Commands that ask a server send it the API key in WAYVO_API_KEY.

    No option takes the key, as `ps` and the shell's history would show it.
    """
    ctx.obj = Target(url)


for _app in CLIENT_COMMANDS:
    app.add_typer(_app)
for _name, _module, _help in SERVER_COMMANDS:
    app.command(_name, cls=deferred(_module), help=_help, rich_help_panel="The server")(stand_in)
for _name, _help, _module, _commands in SERVER_GROUPS:
    _group = typer.Typer(name=_name, help=_help, no_args_is_help=True)
    for _command, _command_help in _commands:
        _function = f"{_command.replace('-', '_')}_command"
        _group.command(_command, cls=deferred(_module, _function, f"{_name} "), help=_command_help)(stand_in)
    app.add_typer(_group, rich_help_panel="The server")


def main() -> None:
    """Run the command line; the console script."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name in a locale without its letters is no reason to fail
    app(prog_name="wayvo")


if __name__ == "__main__":
    main()
