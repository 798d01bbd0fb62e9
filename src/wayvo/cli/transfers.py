"""Progress on a terminal, for commands that move whole databases."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class TableProgress:
    """A line per table."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def at(self, table: str, done: int, total: int | None) -> None:
        """Show that ``done`` rows of ``total`` are there."""
        task = self._task(table)
        self._progress.update(task, completed=done, total=total)

    def more(self, table: str, rows: int) -> None:
        """Show that so many rows more are there."""
        self._progress.advance(self._task(table), rows)

    def _task(self, table: str) -> TaskID:
        if table not in self._tasks:
            self._tasks[table] = self._progress.add_task(table, total=None)
        return self._tasks[table]


@contextmanager
def table_progress() -> Iterator[TableProgress]:
    """Show the progress of each table on stderr, if that is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        yield TableProgress(progress)
