"""Organizations."""

from sqlalchemy import Connection, select

from wayvo.core.organizations import Organization
from wayvo.core.paging import Page, Position
from wayvo.store.paging import newest_first
from wayvo.store.rows import AnyRow, but_id
from wayvo.store.tables import organizations


def insert(connection: Connection, organization: Organization) -> None:
    """Store a new organization."""
    row = {name: getattr(organization, name) for name in organization.__struct_fields__}
    connection.execute(organizations.insert(), row)


def update(connection: Connection, organization: Organization) -> None:
    """Store an organization's new state."""
    row = {name: getattr(organization, name) for name in organization.__struct_fields__}
    connection.execute(organizations.update().where(organizations.c.id == organization.id), but_id(row))


def get(connection: Connection, organization_id: str) -> Organization | None:
    """Return an organization."""
    row = connection.execute(select(organizations).where(organizations.c.id == organization_id)).first()
    return None if row is None else _to_model(row)


def hold(connection: Connection, organization_id: str) -> Organization | None:
    """Return an organization, and let nobody else change its members, roles or invitations until the transaction ends.

    Whoever only adds to it (a project, a key) does not wait.
    """
    statement = select(organizations).where(organizations.c.id == organization_id).with_for_update(key_share=True)
    row = connection.execute(statement).first()
    return None if row is None else _to_model(row)


def operator(connection: Connection) -> Organization | None:
    """Return the operator's organization, ``None`` before the founding."""
    row = connection.execute(select(organizations).where(organizations.c.is_operator).limit(1)).first()
    return None if row is None else _to_model(row)


def page(connection: Connection, only: str | None, after: Position | None, limit: int) -> Page[Organization]:
    """Return a page of all organizations, the newest first, or of ``only`` one."""
    statement = select(organizations)
    if only is not None:
        statement = statement.where(organizations.c.id == only)
    return newest_first(connection, statement, organizations.c.id, after, limit, _to_model)


def is_empty(connection: Connection) -> bool:
    """Say whether the installation has no organization yet."""
    return connection.execute(select(organizations.c.id).limit(1)).first() is None


def _to_model(row: AnyRow) -> Organization:
    return Organization(**{name: getattr(row, name) for name in Organization.__struct_fields__})
