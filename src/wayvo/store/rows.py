"""A row of any columns, as SQLAlchemy's types name it, and the columns of a row that may change."""

from typing import Any

from sqlalchemy import Row

AnyRow = Row[*tuple[Any, ...]]


def but_id(row: dict[str, Any]) -> dict[str, Any]:
    """Return what an update sets: a row without its ``id``.

    Where a statement sets a column that others refer to, SQLite visits every row that does, though the value stays: a
    project would be archived in the time that its keys take to be read.
    """
    return {name: value for name, value in row.items() if name != "id"}
