"""Organizations."""

from sqlalchemy import Connection, select

from wayvo.core.organizations import Organization
from wayvo.store.tables import organizations


def insert(connection: Connection, organization: Organization) -> None:
    """Store a new organization."""
    row = {name: getattr(organization, name) for name in organization.__struct_fields__}
    connection.execute(organizations.insert(), row)


def get(connection: Connection, organization_id: str) -> Organization | None:
    """Return an organization."""
    row = connection.execute(select(organizations).where(organizations.c.id == organization_id)).first()
    if row is None:
        return None
    return Organization(**{name: getattr(row, name) for name in Organization.__struct_fields__})


def is_empty(connection: Connection) -> bool:
    """Say whether the installation has no organization yet."""
    return connection.execute(select(organizations.c.id).limit(1)).first() is None
