"""Users, as the members of an organization."""

from typing import Final

from sqlalchemy import Connection, select

from wayvo.core.organizations import User
from wayvo.core.paging import Page, Position
from wayvo.store.paging import newest_first
from wayvo.store.rows import AnyRow
from wayvo.store.tables import members, users

_MEMBERS: Final = select(users.c.id, users.c.email, users.c.name, members.c.role, members.c.created_at).join_from(
    members, users, users.c.id == members.c.user_id
)


def insert(connection: Connection, organization_id: str, user: User, password_hash: str | None) -> None:
    """Store a new user as a member of the organization."""
    row = {"id": user.id, "email": user.email, "name": user.name, "created_at": user.created_at}
    connection.execute(users.insert(), row | {"password_hash": password_hash})
    member = {"organization_id": organization_id, "user_id": user.id}
    connection.execute(members.insert(), member | {"role": user.role, "created_at": user.created_at})


def get(connection: Connection, organization_id: str, user_id: str) -> User | None:
    """Return a member of the organization."""
    statement = _MEMBERS.where(members.c.organization_id == organization_id, members.c.user_id == user_id)
    row = connection.execute(statement).first()
    return None if row is None else _to_model(row)


def page(connection: Connection, organization_id: str, after: Position | None, limit: int) -> Page[User]:
    """Return a page of the organization's members, the newest first."""
    statement = _MEMBERS.where(members.c.organization_id == organization_id)
    return newest_first(connection, statement, members.c.user_id, after, limit, _to_model)


def _to_model(row: AnyRow) -> User:
    return User(**{name: getattr(row, name) for name in User.__struct_fields__})
