"""Memberships: which role a user holds in an organization."""

from sqlalchemy import Connection, select

from wayvo.store.dialect import upsert
from wayvo.store.tables import members


def insert(connection: Connection, organization_id: str, user_id: str, role: str, now_us: int) -> bool:
    """Make a user a member; return ``False``, and change nothing, if they are one already."""
    row = {"organization_id": organization_id, "user_id": user_id, "role": role, "created_at": now_us}
    statement = upsert(connection, members).values(row)
    statement = statement.on_conflict_do_nothing(index_elements=["organization_id", "user_id"])
    return connection.execute(statement.returning(members.c.user_id)).first() is not None


def role_of(connection: Connection, organization_id: str, user_id: str) -> str | None:
    """Return the role that a user holds in the organization, ``None`` for who is no member."""
    statement = select(members.c.role).where(members.c.organization_id == organization_id, members.c.user_id == user_id)
    role: str | None = connection.execute(statement).scalar()
    return role


def set_role(connection: Connection, organization_id: str, user_id: str, role: str) -> None:
    """Give a member another role."""
    identity = (members.c.organization_id == organization_id, members.c.user_id == user_id)
    connection.execute(members.update().where(*identity), {"role": role})


def delete(connection: Connection, organization_id: str, user_id: str) -> None:
    """Remove a member from the organization; the memberships in its projects are :mod:`project_members`' part."""
    identity = (members.c.organization_id == organization_id, members.c.user_id == user_id)
    connection.execute(members.delete().where(*identity))


def has_another(connection: Connection, organization_id: str, role: str, user_id: str) -> bool:
    """Say whether somebody else than a user holds a role."""
    statement = select(members.c.user_id).where(
        members.c.organization_id == organization_id, members.c.role == role, members.c.user_id != user_id
    )
    return connection.execute(statement.limit(1)).first() is not None


def organizations_of(connection: Connection, user_id: str) -> list[str]:
    """Return the ids of the organizations that a user is a member of."""
    return list(connection.execute(select(members.c.organization_id).where(members.c.user_id == user_id)).scalars())
