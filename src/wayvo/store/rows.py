"""A row of any columns, as SQLAlchemy's types name it."""

from typing import Any

from sqlalchemy import Row

AnyRow = Row[*tuple[Any, ...]]
