"""What commands print: tables for people, JSON for programs, remarks on stderr.

Texts from the server are made harmless before they reach a terminal. A table that goes into a pipe is as wide as it
needs to be; on a terminal, columns are left out, the least needed first, until it fits.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import msgspec
import typer
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

T = TypeVar("T")

_GAP = 2
STATUS_STYLES: Mapping[str, str] = {"active": "green", "expired": "yellow", "revoked": "red", "archived": "yellow"}


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    """A column of a table: its title, what it shows of an item, and how soon it is left out (0: never)."""

    title: str
    shows: Callable[[T], str]
    shed: int = 0
    styles: Mapping[str, str] = field(default_factory=dict)


def visible(text: str) -> str:
    """Return ``text`` with every character escaped that could steer a terminal or hide what stands there."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def remark(line: str) -> None:
    """Tell a person something on stderr, so that stdout stays for the result."""
    typer.echo(visible(line), err=True)


def print_json(raw: bytes) -> None:
    """Print one JSON value as the server wrote it, indented, in UTF-8 whatever the locale."""
    typer.echo(msgspec.json.format(raw, indent=2))


def print_json_array(raws: Iterable[bytes]) -> None:
    """Print JSON values as one array."""
    print_json(b"[" + b",".join(raws) + b"]")


def print_table(columns: Sequence[Column[T]], items: Sequence[T]) -> None:
    """Print items as a table."""
    console = _console()
    cells = {column.title: [visible(column.shows(item)) for item in items] for column in columns}
    widths = {title: max(map(cell_len, (title, *texts))) for title, texts in cells.items()}
    kept = list(columns)
    while console.is_terminal and _width(kept, widths) > console.width and any(column.shed for column in kept):
        kept.remove(max(kept, key=lambda column: column.shed))
    table = _table(show_header=True)
    for column in kept:
        table.add_column(column.title, overflow="fold")
    for row in range(len(items)):
        texts = [(cells[column.title][row], column.styles) for column in kept]
        table.add_row(*(Text(text, style=styles.get(text, "")) for text, styles in texts))
    _print(console, table, _width(kept, widths))


def print_record(pairs: Sequence[tuple[str, str]]) -> None:
    """Print one thing as lines of name and value; what is empty is left out."""
    shown = [(name, visible(value)) for name, value in pairs if value]
    table = _table(show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in shown:
        table.add_row(name, Text(value, style=STATUS_STYLES.get(value, "") if name == "Status" else ""))
    name_width, value_width = (max((cell_len(pair[part]) for pair in shown), default=0) for part in (0, 1))
    _print(_console(), table, name_width + _GAP + value_width)


def _console() -> Console:
    return Console(highlight=False, markup=False, emoji=False)


def _table(*, show_header: bool) -> Table:
    return Table(box=None, show_header=show_header, header_style="bold", pad_edge=False, padding=(0, _GAP, 0, 0))


def _print(console: Console, table: Table, width: int) -> None:
    if not console.is_terminal:
        console.width = max(width + _GAP, 1)
    console.print(table)


def _width(columns: Sequence[Column[T]], widths: Mapping[str, int]) -> int:
    return sum(widths[column.title] + _GAP for column in columns) - _GAP
