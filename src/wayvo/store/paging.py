"""Pages of rows whose ids sort by their creation."""

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Select

from wayvo.core.paging import Page, Position
from wayvo.store.rows import AnyRow

Model = TypeVar("Model")


def newest_first(
    connection: Connection,
    statement: Select[Any],
    id_column: ColumnElement[str],
    after: Position | None,
    limit: int,
    to_model: Callable[[AnyRow], Model],
    *,
    id_name: str = "id",
) -> Page[Model]:
    """Return one page of ``statement``, the newest rows first; ``id_name`` is what its rows call ``id_column``."""
    if after is not None:
        statement = statement.where(id_column < after.id)
    rows = connection.execute(statement.order_by(id_column.desc()).limit(limit + 1)).all()
    shown = rows[:limit]
    following = Position(None, getattr(shown[-1], id_name)) if len(rows) > limit else None
    return Page(tuple(to_model(row) for row in shown), following)
