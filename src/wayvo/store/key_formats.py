"""The formats of imported keys."""

from sqlalchemy import Connection, func, select

from wayvo.core.credentials.foreign import KeyFormat
from wayvo.store.dialect import upsert
from wayvo.store.tables import key_formats

_FIELDS = tuple(key_formats.c[name] for name in KeyFormat.__struct_fields__)


def every(connection: Connection) -> tuple[KeyFormat, ...]:
    """Return all of them."""
    return tuple(KeyFormat(*row) for row in connection.execute(select(*_FIELDS)))


def find(connection: Connection, wanted: KeyFormat) -> str | None:
    """Return the id of a format."""
    same = (column == getattr(wanted, column.name) for column in _FIELDS)
    format_id: str | None = connection.execute(select(key_formats.c.id).where(*same)).scalar()
    return format_id


def counts(connection: Connection, organization_id: str) -> tuple[int, int]:
    """Return how many formats there are, and how many of them an organization has brought."""
    everywhere = connection.execute(select(func.count()).select_from(key_formats)).scalar_one()
    own = select(func.count()).select_from(key_formats).where(key_formats.c.organization_id == organization_id)
    return everywhere, connection.execute(own).scalar_one()


def insert(connection: Connection, format_id: str, organization_id: str, wanted: KeyFormat, now_us: int) -> None:
    """Store a format, unless somebody else does at this moment."""
    fields = {name: getattr(wanted, name) for name in wanted.__struct_fields__}
    row = {"id": format_id, "organization_id": organization_id, "created_at": now_us, **fields}
    connection.execute(upsert(connection, key_formats).values(row).on_conflict_do_nothing())
