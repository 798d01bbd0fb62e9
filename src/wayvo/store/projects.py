"""Projects."""

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select

from wayvo.core.organizations import Project
from wayvo.core.paging import Page, Position
from wayvo.store.paging import newest_first
from wayvo.store.rows import AnyRow, but_id
from wayvo.store.tables import projects

# Built once: in a creation's transaction, building a statement costs more than running it.
_BY_ID: Final = select(projects).where(
    projects.c.id == bindparam("wanted"), projects.c.organization_id == bindparam("owner")
)


def insert(connection: Connection, project: Project) -> None:
    """Store a new project."""
    connection.execute(projects.insert(), _to_row(project))


def update(connection: Connection, project: Project) -> None:
    """Store a project's new state."""
    connection.execute(projects.update().where(projects.c.id == project.id), but_id(_to_row(project)))


def get(connection: Connection, organization_id: str, project_id: str) -> Project | None:
    """Return a project of the organization."""
    row = connection.execute(_BY_ID, {"owner": organization_id, "wanted": project_id}).first()
    return None if row is None else _to_model(row)


def get_for_update(connection: Connection, organization_id: str, project_id: str) -> Project | None:
    """Return a project of the organization and keep others from changing it until the transaction ends."""
    row = connection.execute(_BY_ID.with_for_update(), {"owner": organization_id, "wanted": project_id}).first()
    return None if row is None else _to_model(row)


def get_to_add_to(connection: Connection, organization_id: str, project_id: str) -> Project | None:
    """Return a project of the organization, and keep others from archiving it until the transaction ends."""
    statement = _BY_ID.with_for_update(read=True, key_share=True)
    row = connection.execute(statement, {"owner": organization_id, "wanted": project_id}).first()
    return None if row is None else _to_model(row)


def oldest_open(connection: Connection, organization_id: str) -> Project | None:
    """Return the organization's oldest project that is not archived."""
    statement = select(projects).where(projects.c.organization_id == organization_id, projects.c.archived_at.is_(None))
    row = connection.execute(statement.order_by(projects.c.id).limit(1)).first()
    return None if row is None else _to_model(row)


def page(
    connection: Connection,
    organization_id: str,
    after: Position | None,
    limit: int,
    only: Collection[str] | None = None,
) -> Page[Project]:
    """Return a page of the organization's projects, the newest first; of ``only`` these if they are given."""
    statement = select(projects).where(projects.c.organization_id == organization_id)
    if only is not None:
        statement = statement.where(projects.c.id.in_(only))
    return newest_first(connection, statement, projects.c.id, after, limit, _to_model)


def _to_row(project: Project) -> dict[str, Any]:
    return {name: getattr(project, name) for name in project.__struct_fields__}


def _to_model(row: AnyRow) -> Project:
    return Project(**{name: getattr(row, name) for name in Project.__struct_fields__})
