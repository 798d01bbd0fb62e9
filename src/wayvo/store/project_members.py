"""Memberships in projects: which role a user holds in one project, beyond the organization's."""

from typing import Final

from sqlalchemy import Connection, and_, select

from wayvo.core.organizations import ProjectMember
from wayvo.core.paging import Page, Position
from wayvo.store.dialect import upsert
from wayvo.store.paging import newest_first
from wayvo.store.rows import AnyRow
from wayvo.store.tables import project_members, roles, users

_MEMBERS: Final = (
    select(
        project_members.c.project_id,
        project_members.c.user_id,
        users.c.email,
        users.c.name,
        project_members.c.role,
        project_members.c.created_at,
        roles.c.name.label("role_name"),
    )
    .join_from(project_members, users, users.c.id == project_members.c.user_id)
    .outerjoin(
        roles,
        and_(roles.c.id == project_members.c.role, roles.c.organization_id == project_members.c.organization_id),
    )
)


def put(connection: Connection, organization_id: str, member: ProjectMember) -> None:
    """Store a member of a project, in place of what was held there."""
    row = {name: getattr(member, name) for name in ("project_id", "user_id", "role", "created_at")}
    statement = upsert(connection, project_members).values(row | {"organization_id": organization_id})
    connection.execute(
        statement.on_conflict_do_update(index_elements=["project_id", "user_id"], set_={"role": member.role})
    )


def get(connection: Connection, organization_id: str, project_id: str, user_id: str) -> ProjectMember | None:
    """Return a member of one of the organization's projects."""
    statement = _MEMBERS.where(
        project_members.c.project_id == project_id,
        project_members.c.user_id == user_id,
        project_members.c.organization_id == organization_id,
    )
    row = connection.execute(statement).first()
    return None if row is None else _to_model(row)


def page(
    connection: Connection, organization_id: str, project_id: str, after: Position | None, limit: int
) -> Page[ProjectMember]:
    """Return a page of a project's members, the youngest users first."""
    statement = _MEMBERS.where(
        project_members.c.project_id == project_id, project_members.c.organization_id == organization_id
    )
    return newest_first(connection, statement, project_members.c.user_id, after, limit, _to_model, id_name="user_id")


def delete(connection: Connection, organization_id: str, project_id: str, user_id: str) -> None:
    """Remove a member from a project."""
    table = project_members.c
    identity = (table.project_id == project_id, table.user_id == user_id, table.organization_id == organization_id)
    connection.execute(project_members.delete().where(*identity))


def delete_all(connection: Connection, organization_id: str, user_id: str) -> None:
    """Remove a user from all of the organization's projects."""
    table = project_members.c
    statement = project_members.delete().where(table.organization_id == organization_id, table.user_id == user_id)
    connection.execute(statement)


def roles_of(connection: Connection, organization_id: str, user_id: str) -> dict[str, str]:
    """Return which roles a user holds in the organization's projects, by project."""
    table = project_members.c
    statement = select(table.project_id, table.role).where(
        table.organization_id == organization_id, table.user_id == user_id
    )
    return {row.project_id: row.role for row in connection.execute(statement)}


def _to_model(row: AnyRow) -> ProjectMember:
    return ProjectMember(**{name: getattr(row, name) for name in ProjectMember.__struct_fields__})
