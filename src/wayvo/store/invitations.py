"""Invitations as rows. Every change but a prune is made by who holds the organization (:func:`organizations.hold`)."""

from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, func, or_, select

from wayvo.core.invitations import Invitation
from wayvo.core.paging import Page, Position
from wayvo.store.paging import newest_first
from wayvo.store.rows import AnyRow
from wayvo.store.tables import invitations

_COLUMNS: Final = tuple(invitations.c[name] for name in Invitation.__struct_fields__)


def insert(connection: Connection, invitation: Invitation, digest: bytes) -> None:
    """Store a new invitation under its token's digest."""
    row: dict[str, Any] = {name: getattr(invitation, name) for name in Invitation.__struct_fields__}
    connection.execute(invitations.insert(), row | {"digest": digest})


def get(connection: Connection, organization_id: str, invitation_id: str) -> Invitation | None:
    """Return an invitation of the organization."""
    statement = select(*_COLUMNS).where(
        invitations.c.id == invitation_id, invitations.c.organization_id == organization_id
    )
    row = connection.execute(statement).first()
    return None if row is None else _to_model(row)


def by_digest(connection: Connection, digest: bytes) -> Invitation | None:
    """Return the invitation that a token belongs to."""
    row = connection.execute(select(*_COLUMNS).where(invitations.c.digest == digest)).first()
    return None if row is None else _to_model(row)


def page(connection: Connection, organization_id: str, after: Position | None, limit: int) -> Page[Invitation]:
    """Return a page of the organization's invitations, the newest first."""
    statement = select(*_COLUMNS).where(invitations.c.organization_id == organization_id)
    return newest_first(connection, statement, invitations.c.id, after, limit, _to_model)


def open_for(connection: Connection, organization_id: str, email: str, now_us: int) -> Invitation | None:
    """Return the open invitation of an address; there is one at most."""
    statement = select(*_COLUMNS).where(*_open(organization_id, now_us), invitations.c.email == email)
    row = connection.execute(statement.limit(1)).first()
    return None if row is None else _to_model(row)


def count_open(connection: Connection, organization_id: str, now_us: int) -> int:
    """Return how many of the organization's invitations are open."""
    statement = select(func.count()).select_from(invitations).where(*_open(organization_id, now_us))
    found: int = connection.execute(statement).scalar_one()
    return found


def accept(connection: Connection, invitation_id: str, user_id: str, now_us: int) -> Invitation | None:
    """Use an invitation up; ``None``, and nothing changed, if it is not open any more."""
    return _end(connection, invitation_id, now_us, {"accepted_at": now_us, "user_id": user_id})


def withdraw(connection: Connection, invitation_id: str, now_us: int) -> Invitation | None:
    """End an invitation; ``None``, and nothing changed, if it is not open any more."""
    return _end(connection, invitation_id, now_us, {"withdrawn_at": now_us})


def prune(connection: Connection, organization_id: str, before_us: int, limit: int) -> int:
    """Delete at most ``limit`` of the organization's invitations that ended before ``before_us``; return how many."""
    table = invitations.c
    ended = or_(table.expires_at < before_us, table.accepted_at < before_us, table.withdrawn_at < before_us)
    due = select(table.id).where(table.organization_id == organization_id, ended).order_by(table.id).limit(limit)
    return connection.execute(invitations.delete().where(table.id.in_(due))).rowcount


def _end(connection: Connection, invitation_id: str, now_us: int, values: dict[str, Any]) -> Invitation | None:
    table = invitations.c
    is_open = (table.accepted_at.is_(None), table.withdrawn_at.is_(None), table.expires_at > now_us)
    statement = invitations.update().where(table.id == invitation_id, *is_open).values(values).returning(*_COLUMNS)
    row = connection.execute(statement).first()
    return None if row is None else _to_model(row)


def _open(organization_id: str, now_us: int) -> tuple[ColumnElement[bool], ...]:
    table = invitations.c
    return (
        table.organization_id == organization_id,
        table.accepted_at.is_(None),
        table.withdrawn_at.is_(None),
        table.expires_at > now_us,
    )


def _to_model(row: AnyRow) -> Invitation:
    return Invitation(**{name: getattr(row, name) for name in Invitation.__struct_fields__})
