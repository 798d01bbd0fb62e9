"""The roles that members hold now, and what custom ones among them allow."""

from collections.abc import Iterable
from typing import Final

import msgspec
from sqlalchemy import Connection, and_, bindparam, select

from wayvo.core.access.grants import Access
from wayvo.core.access.roles import BUILT_IN
from wayvo.core.access.standing import Standing, standing
from wayvo.store.tables import members, project_members, roles

# Built once: in a creation's transaction, building a statement costs more than running it.
_CUSTOM: Final = select(roles.c.id, roles.c.access).where(roles.c.id.in_(bindparam("wanted", expanding=True)))
_MEMBER: Final = (
    select(members.c.created_at, members.c.role, project_members.c.role.label("project_role"))
    .join_from(
        members,
        project_members,
        and_(
            project_members.c.project_id == bindparam("project"),
            project_members.c.user_id == members.c.user_id,
            project_members.c.organization_id == members.c.organization_id,
        ),
        isouter=True,
    )
    .where(members.c.organization_id == bindparam("organization"), members.c.user_id == bindparam("user"))
)


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """A member, since when, with the names of the roles and what they give."""

    since: int
    role: str
    project_role: str | None
    standing: Standing


def custom(connection: Connection, names: Iterable[str | None]) -> dict[str, Access]:
    """Return what those of the named roles allow that are custom ones, by id. No query if all are built in."""
    wanted = {name for name in names if name is not None and name not in BUILT_IN}
    if not wanted:
        return {}
    found = connection.execute(_CUSTOM, {"wanted": sorted(wanted)})
    return {row.id: msgspec.json.decode(row.access, type=dict[str, tuple[str, ...]]) for row in found}


def of(connection: Connection, organization_id: str, user_id: str, project_id: str) -> Membership | None:
    """Return what a member holds in the organization and in one of its projects, ``None`` for who is no member."""
    wanted = {"organization": organization_id, "user": user_id, "project": project_id}
    row = connection.execute(_MEMBER, wanted).first()
    if row is None:
        return None
    roles_there = custom(connection, (row.role, row.project_role))
    return Membership(
        since=row.created_at,
        role=row.role,
        project_role=row.project_role,
        standing=standing(row.role, row.project_role, roles_there),
    )
