"""Asking before something is ended for good."""

import sys
from collections.abc import Callable

import typer

from wayvo.cli.failures import CommandFailed, ExitCode
from wayvo.cli.output import visible


def confirm(describe: Callable[[], tuple[str, tuple[str, ...]]], *, is_confirmed: bool) -> None:
    """Let a person type what is about to end, unless ``is_confirmed`` (``--yes``).

    ``describe`` returns the question and the answers that count as yes; it is called only when there is a terminal to
    ask on. Without one the command ends in a usage error, before anything was changed.
    """
    if is_confirmed:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise CommandFailed(
            "This can't be undone, and there is no terminal to ask on: confirm with --yes.", ExitCode.USAGE
        )
    question, answers = describe()
    typed: str = typer.prompt(visible(question), err=True, default="", show_default=False)
    if typed.strip() not in answers:
        raise CommandFailed("Not confirmed; nothing was changed.", ExitCode.USAGE)
