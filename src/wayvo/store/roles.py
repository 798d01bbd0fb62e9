"""Custom roles as rows, and the built-in ones beside them."""

from typing import Any

import msgspec
from sqlalchemy import Connection, func, select

from wayvo.core.access.grants import Access
from wayvo.core.access.roles import BUILT_IN, BUILT_IN_ROLES, Role
from wayvo.core.paging import Page, Position
from wayvo.store.dialect import upsert
from wayvo.store.paging import newest_first
from wayvo.store.rows import AnyRow, but_id
from wayvo.store.tables import invitations, members, project_members, roles


def insert(connection: Connection, role: Role) -> bool:
    """Store a new role; return ``False``, and change nothing, if its name is taken in the organization."""
    statement = upsert(connection, roles).values(_to_row(role))
    statement = statement.on_conflict_do_nothing(index_elements=["organization_id", "name"])
    return connection.execute(statement.returning(roles.c.id)).first() is not None


def update(connection: Connection, role: Role) -> None:
    """Store a role's new state; its name has to be free."""
    connection.execute(roles.update().where(roles.c.id == role.id), but_id(_to_row(role)))


def delete(connection: Connection, organization_id: str, role_id: str) -> None:
    """Delete a custom role."""
    connection.execute(roles.delete().where(roles.c.id == role_id, roles.c.organization_id == organization_id))


def get(connection: Connection, organization_id: str, role_id: str) -> Role | None:
    """Return a role that the organization can give: a built-in one, or one of its own."""
    if (built_in := BUILT_IN.get(role_id)) is not None:
        return built_in
    statement = select(roles).where(roles.c.id == role_id, roles.c.organization_id == organization_id)
    row = connection.execute(statement).first()
    return None if row is None else _to_model(row)


def names(connection: Connection, organization_id: str) -> dict[str, str]:
    """Return the names of the organization's own roles, by id. There is a bound to them."""
    statement = select(roles.c.id, roles.c.name).where(roles.c.organization_id == organization_id)
    return {row.id: row.name for row in connection.execute(statement)}


def count(connection: Connection, organization_id: str) -> int:
    """Return how many custom roles the organization has."""
    statement = select(func.count()).select_from(roles).where(roles.c.organization_id == organization_id)
    found: int = connection.execute(statement).scalar_one()
    return found


def is_in_use(connection: Connection, organization_id: str, role_id: str, now_us: int) -> bool:
    """Say whether a member, a project's member or an open invitation has the role."""
    open_ones = (invitations.c.accepted_at.is_(None), invitations.c.withdrawn_at.is_(None))
    users_of_it = (
        select(members.c.user_id).where(members.c.organization_id == organization_id, members.c.role == role_id),
        select(project_members.c.user_id).where(
            project_members.c.organization_id == organization_id, project_members.c.role == role_id
        ),
        select(invitations.c.id).where(
            invitations.c.organization_id == organization_id,
            invitations.c.role == role_id,
            invitations.c.expires_at > now_us,
            *open_ones,
        ),
    )
    return any(connection.execute(statement.limit(1)).first() is not None for statement in users_of_it)


def page(connection: Connection, organization_id: str, after: Position | None, limit: int) -> Page[Role]:
    """Return a page of roles: the built-in ones in their order, then the organization's own, the newest first."""
    ids = list(BUILT_IN)
    if after is None or after.id in BUILT_IN:
        start = 0 if after is None else ids.index(after.id) + 1
        built_in = BUILT_IN_ROLES[start : start + limit]
        if len(built_in) == limit:
            return Page(built_in, Position(None, built_in[-1].id))
        own = _own(connection, organization_id, None, limit - len(built_in))
        return Page((*built_in, *own.rows), own.next)
    return _own(connection, organization_id, after, limit)


def _own(connection: Connection, organization_id: str, after: Position | None, limit: int) -> Page[Role]:
    statement = select(roles).where(roles.c.organization_id == organization_id)
    return newest_first(connection, statement, roles.c.id, after, limit, _to_model)


def _to_row(role: Role) -> dict[str, Any]:
    row = {name: getattr(role, name) for name in role.__struct_fields__}
    return row | {"access": msgspec.json.encode(role.access).decode()}


def _to_model(row: AnyRow) -> Role:
    fields = {name: getattr(row, name) for name in Role.__struct_fields__}
    return Role(**fields | {"access": msgspec.json.decode(row.access, type=dict[str, tuple[str, ...]])})


def access_of(connection: Connection, organization_id: str, role_id: str) -> Access:
    """Return what a role holds; nothing if there is no such role."""
    role = get(connection, organization_id, role_id)
    return {} if role is None else role.access
