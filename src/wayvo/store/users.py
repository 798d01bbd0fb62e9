"""Users, as the members of an organization."""

from typing import Final, NamedTuple

from sqlalchemy import Connection, and_, select

from wayvo.core.organizations import User
from wayvo.core.paging import Page, Position
from wayvo.store.dialect import upsert
from wayvo.store.paging import newest_first
from wayvo.store.rows import AnyRow
from wayvo.store.tables import members, roles, users

_MEMBERS: Final = (
    select(
        users.c.id,
        users.c.email,
        users.c.name,
        members.c.role,
        members.c.created_at,
        roles.c.name.label("role_name"),
    )
    .join_from(members, users, users.c.id == members.c.user_id)
    .outerjoin(roles, and_(roles.c.id == members.c.role, roles.c.organization_id == members.c.organization_id))
)


class Account(NamedTuple):
    """A user whatever organizations they belong to, and how they prove who they are (``None``: not at all yet)."""

    id: str
    name: str
    password_hash: str | None


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


def add_account(connection: Connection, email: str, account: Account, now_us: int) -> bool:
    """Store a new user who is no member of anything; return ``False``, and change nothing, if the address has one."""
    row = {"id": account.id, "email": email, "name": account.name, "created_at": now_us}
    statement = upsert(connection, users).values(row | {"password_hash": account.password_hash})
    statement = statement.on_conflict_do_nothing(index_elements=["email"])
    return connection.execute(statement.returning(users.c.id)).first() is not None


def account_of(connection: Connection, email: str) -> Account | None:
    """Return the user with an address."""
    statement = select(users.c.id, users.c.name, users.c.password_hash).where(users.c.email == email)
    row = connection.execute(statement).first()
    return None if row is None else Account(row.id, row.name, row.password_hash)


def set_password(connection: Connection, user_id: str, password_hash: str) -> None:
    """Give a user another password."""
    connection.execute(users.update().where(users.c.id == user_id), {"password_hash": password_hash})


def page(connection: Connection, organization_id: str, after: Position | None, limit: int) -> Page[User]:
    """Return a page of the organization's members, the newest first."""
    statement = _MEMBERS.where(members.c.organization_id == organization_id)
    return newest_first(connection, statement, members.c.user_id, after, limit, _to_model)


def _to_model(row: AnyRow) -> User:
    return User(**{name: getattr(row, name) for name in User.__struct_fields__})
