"""Commands whose module is imported when they are used: listed and named, even where their libraries are missing."""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand
from typer.main import get_command

from wayvo.cli.failures import CommandFailed


def deferred(module: str, function: str = "command", within: str = "") -> type[TyperCommand]:
    """Return the class of a command that becomes ``module``'s ``function`` as soon as it is used.

    ``within`` is the group that it belongs to, if any.

    The function is an ordinary Typer command. A library that isn't installed ends in a message that names the extra.
    """

    class DeferredCommand(TyperCommand):
        def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
            return self.loaded().make_context(info_name, args, parent, **extra)

        def loaded(self) -> Any:
            """Return the command itself."""
            return _load(module, str(self.name), function, within)

    return DeferredCommand


def stand_in() -> None:
    """Hold the place of a deferred command's function; never called."""
    raise AssertionError("a deferred command becomes another one before it is called")


def _load(module: str, name: str, function: str, within: str) -> Any:
    try:
        command = getattr(import_module(module), function)
    except ModuleNotFoundError as missing:
        if (missing.name or "wayvo").partition(".")[0] == "wayvo":
            raise
        raise CommandFailed(f"wayvo {within}{name} needs {missing.name}: pip install 'wayvo[server]'") from None
    loaded = typer.Typer(add_completion=False)
    loaded.command(name)(command)
    return get_command(loaded)
