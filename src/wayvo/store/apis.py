"""Protected APIs."""

from collections.abc import Collection
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, bindparam, or_, select

from wayvo.core.operations import ApiOperation
from wayvo.core.organizations import Api, ApiScope
from wayvo.core.paging import Page, Position
from wayvo.store.dialect import upsert
from wayvo.store.paging import newest_first
from wayvo.store.rows import AnyRow, but_id
from wayvo.store.tables import apis

# Built once: in a creation's transaction, building a statement costs more than running it.
_VISIBLE: Final = select(apis).where(
    or_(apis.c.organization_id == bindparam("viewer"), apis.c.visibility == "installation")
)
_BY_ID: Final = _VISIBLE.where(apis.c.id == bindparam("wanted"))
_BY_AUDIENCE: Final = _VISIBLE.where(apis.c.audience.in_(bindparam("wanted", expanding=True)))


def insert(connection: Connection, api: Api) -> bool:
    """Store a new API; return ``False``, and change nothing, if its audience is taken."""
    statement = upsert(connection, apis).values(_to_row(api)).on_conflict_do_nothing(index_elements=["audience"])
    return connection.execute(statement.returning(apis.c.id)).first() is not None


def update(connection: Connection, api: Api) -> None:
    """Store an API's new state."""
    connection.execute(apis.update().where(apis.c.id == api.id), but_id(_to_row(api)))


def get(connection: Connection, organization_id: str, api_id: str) -> Api | None:
    """Return an API that the organization sees: its own, or one for the whole installation."""
    row = connection.execute(_BY_ID, {"viewer": organization_id, "wanted": api_id}).first()
    return None if row is None else _to_model(row)


def get_for_update(connection: Connection, organization_id: str, api_id: str) -> Api | None:
    """Return an API that the organization sees and keep others from changing it until the transaction ends."""
    row = connection.execute(_BY_ID.with_for_update(), {"viewer": organization_id, "wanted": api_id}).first()
    return None if row is None else _to_model(row)


def by_audience(connection: Connection, organization_id: str, audiences: Collection[str]) -> dict[str, Api]:
    """Return those of the named APIs that the organization sees."""
    found = connection.execute(_BY_AUDIENCE, {"viewer": organization_id, "wanted": list(audiences)})
    return {row.audience: _to_model(row) for row in found}


def owner_of(connection: Connection, audience: str) -> str | None:
    """Return the id of the organization that owns an API, ``None`` if nobody has registered it."""
    owner: str | None = connection.execute(select(apis.c.organization_id).where(apis.c.audience == audience)).scalar()
    return owner


def page(connection: Connection, organization_id: str, after: Position | None, limit: int) -> Page[Api]:
    """Return a page of the APIs that the organization sees, the newest first."""
    return newest_first(connection, _VISIBLE.params(viewer=organization_id), apis.c.id, after, limit, _to_model)


def set_built_in_scopes(connection: Connection, audience: str, scopes: tuple[ApiScope, ...]) -> str | None:
    """Make a built-in API declare ``scopes``; return its id if that changed anything."""
    encoded = _encode(scopes)
    statement = (
        apis.update()
        .where(apis.c.audience == audience, apis.c.built_in, apis.c.scopes != encoded)
        .values(scopes=encoded)
        .returning(apis.c.id)
    )
    changed: str | None = connection.execute(statement).scalar()
    return changed


def declared_scopes(encoded: str) -> frozenset[str]:
    """Return the names in a row's ``scopes``."""
    return frozenset(scope.name for scope in msgspec.json.decode(encoded, type=tuple[ApiScope, ...]))


def declared_operations(encoded: str) -> tuple[ApiOperation, ...]:
    """Return a row's ``operations``."""
    return msgspec.json.decode(encoded, type=tuple[ApiOperation, ...])


def _encode(declared: tuple[ApiScope, ...] | tuple[ApiOperation, ...]) -> str:
    return msgspec.json.encode(declared).decode()


def _to_row(api: Api) -> dict[str, Any]:
    encoded = {"scopes": _encode(api.scopes), "operations": _encode(api.operations)}
    return {name: getattr(api, name) for name in api.__struct_fields__} | encoded


def _to_model(row: AnyRow) -> Api:
    fields = {name: getattr(row, name) for name in Api.__struct_fields__}
    scopes = msgspec.json.decode(fields.pop("scopes"), type=tuple[ApiScope, ...])
    return Api(scopes=scopes, operations=declared_operations(fields.pop("operations")), **fields)
