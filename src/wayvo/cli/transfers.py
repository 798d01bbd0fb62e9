"""What the commands that move whole databases have in common: progress, and what went wrong with a database."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from sqlalchemy.exc import DBAPIError

from wayvo.cli.failures import CommandFailed, ExitCode
from wayvo.store import transfer
from wayvo.store.data_folder import DataFolderError
from wayvo.store.engines import NoDatabase
from wayvo.store.schema import OldSchema, UnknownSchema

_STEPS: Final = 10


@contextmanager
def table_progress() -> Iterator[transfer.Progress]:
    """Show how far each table is, on stderr: as bars on a terminal, else as a line at every tenth."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield _Bars(progress)


@contextmanager
def told(interrupted: str) -> Iterator[None]:
    """Tell in a sentence what is wrong with a database; ``interrupted`` says what that means for the transfer."""
    try:
        yield
    except NoDatabase as error:
        raise CommandFailed(str(error), ExitCode.NOT_FOUND) from None
    except (DataFolderError, OldSchema, UnknownSchema) as error:
        raise CommandFailed(str(error), ExitCode.USAGE) from None
    except DBAPIError as error:
        # Neither the statement nor the URL: one has rows, the other a password.
        reason = str(error.orig).partition("\n")[0]
        raise CommandFailed(f"A database can't be used: {reason}. {interrupted}", ExitCode.UNAVAILABLE) from None


class _Bars:
    """A bar for each table."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, table: str, done: int, total: int) -> None:
        if table not in self._tasks:
            self._tasks[table] = self._progress.add_task(table)
        self._progress.update(self._tasks[table], completed=done, total=total)


class _Lines:
    """A line at every tenth of a table, and at its end."""

    def __init__(self) -> None:
        self._shown: dict[str, int] = {}

    def __call__(self, table: str, done: int, total: int) -> None:
        step = done * _STEPS // total if total else _STEPS
        if step and self._shown.get(table) != step:
            self._shown[table] = step
            typer.echo(f"{table}: {done} of {total} rows", err=True)
