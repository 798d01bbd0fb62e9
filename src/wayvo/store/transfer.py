"""Rows on their way out of one database and into another: the common ground of copy, backup and restore.

Rows travel table by table in the order of their primary keys, which both engines sort by their bytes. What has arrived
is so always the beginning of what there is, and an interrupted transfer goes on where it stopped.
"""

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Engine, LargeBinary, MetaData, Table, func, inspect, select, tuple_

from wayvo.store.tables import installation, last_batches, metadata, outbox

BATCH: Final = 2000
REVISION_TABLE: Final = "alembic_version"

Values = list[Any]
"""A row's values in the order of its table's columns, as JSON can hold them."""

Progress = Callable[[str, int, int], None]
"""Told a table's name, how many of its rows have arrived, and how many there will be."""


class Checksum(NamedTuple):
    """What a table holds: how many rows, and the SHA-256 of all of them in their order."""

    rows: int
    sha256: str


class Summing:
    """A checksum in the making."""

    def __init__(self) -> None:
        self.rows = 0
        self._state = hashlib.sha256()

    def add(self, lines: Sequence[bytes]) -> None:
        """Take in rows, as :func:`encode_row` gives them."""
        self.rows += len(lines)
        for line in lines:
            self._state.update(line)

    def result(self) -> Checksum:
        """Return the checksum of what was taken in."""
        return Checksum(self.rows, self._state.hexdigest())


def travelling_tables(schema: MetaData = metadata) -> list[Table]:
    """Return the tables that travel, those that others point to first.

    What its nodes tell one another and themselves stays: they are the processes of one database. The installation's own
    row comes last: where it is, a transfer is complete.
    """
    last = schema.tables[installation.name]
    left_out = (outbox.name, last_batches.name, last.name, REVISION_TABLE)
    return [table for table in schema.sorted_tables if table.name not in left_out] + [last]


def table_names(engine: Engine) -> set[str]:
    """Return which tables a database has, whosesoever they are."""
    return set(inspect(engine).get_table_names())


def read_batches(connection: Connection, table: Table, after: Sequence[Any] | None = None) -> Iterator[list[Values]]:
    """Yield a table's rows in batches, beginning after the primary key ``after``."""
    key = list(table.primary_key)
    while True:
        statement = select(table).order_by(*key).limit(BATCH)
        if after is not None:
            statement = statement.where(tuple_(*key) > tuple_(*after))
        rows = connection.execute(statement).all()
        if rows:
            yield [[_out(value) for value in row] for row in rows]
        if len(rows) < BATCH:
            return
        after = [getattr(rows[-1], column.name) for column in key]


def write_batch(connection: Connection, table: Table, rows: Sequence[Values]) -> None:
    """Insert rows that :func:`read_batches` yielded; ``ValueError`` for some that it never yields."""
    is_binary = [isinstance(column.type, LargeBinary) for column in table.columns]
    names = [column.name for column in table.columns]
    prepared = [
        {name: _in(value, binary) for name, value, binary in zip(names, row, is_binary, strict=True)} for row in rows
    ]
    connection.execute(table.insert(), prepared)


def last_key(connection: Connection, table: Table) -> list[Any] | None:
    """Return the highest primary key in a table, ``None`` if it is empty."""
    key = list(table.primary_key)
    row = connection.execute(select(*key).order_by(*(column.desc() for column in key)).limit(1)).first()
    return None if row is None else list(row)


def count(connection: Connection, table: Table) -> int:
    """Return how many rows a table has."""
    rows: int = connection.execute(select(func.count()).select_from(table)).scalar_one()
    return rows


def checksum(connection: Connection, table: Table, first: int | None = None) -> Checksum:
    """Return what a table holds (its ``first`` rows, if that is given), to be compared with what another holds."""
    summing = Summing()
    for batch in read_batches(connection, table):
        summing.add([encode_row(row) for row in batch[: None if first is None else first - summing.rows]])
        if summing.rows == first:
            break
    return summing.result()


def encode_row(row: Values) -> bytes:
    """Return a row as one line of JSON."""
    return msgspec.json.encode(row) + b"\n"


def decode_row(line: bytes) -> Values:
    """Return the row that a line holds; ``msgspec.MsgspecError`` if it holds none."""
    return msgspec.json.decode(line, type=list)


def _out(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _in(value: Any, is_binary: bool) -> Any:
    return base64.b64decode(value, validate=True) if is_binary and value is not None else value
