"""The whole audit trail, chain by chain and link by link, for who verifies or exports it."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, func, select

from wayvo.core.audit_chain import FIELDS, MAC_BYTES, Link
from wayvo.core.audit_verification import StoredChain, StoredLink
from wayvo.store.tables import audit_chains, audit_events

_AT_ONCE: Final = 500


class Unchained(NamedTuple):
    """The events that have no link yet: how many, and the oldest one's moment."""

    number: int
    oldest_at: int | None


def organizations(connection: Connection) -> Iterator[str]:
    """Yield the id of every organization that has a chain or an event, in order: one look-up for each."""
    last = ""
    while True:
        candidates = [
            connection.execute(select(func.min(column)).where(column > last)).scalar()
            for column in (audit_chains.c.organization_id, audit_events.c.organization_id)
        ]
        following = min((candidate for candidate in candidates if candidate is not None), default=None)
        if following is None:
            return
        yield following
        last = following


def chain(connection: Connection, organization_id: str) -> StoredChain | None:
    """Return what is remembered of an organization's chain."""
    row = connection.execute(select(audit_chains).where(audit_chains.c.organization_id == organization_id)).first()
    if row is None:
        return None
    pruned = Link(row.pruned_sequence, row.pruned_mac or bytes(MAC_BYTES))
    return StoredChain(Link(row.sequence, row.mac), row.seal, pruned, row.pruned_seal)


def links(connection: Connection, organization_id: str) -> Iterator[StoredLink]:
    """Yield an organization's links in their order, a few hundred in memory at a time."""
    event = audit_events.c
    statement = (
        select(*(event[name] for name in FIELDS), event.sequence, event.mac, event.mac_secret)
        .where(event.organization_id == organization_id, event.sequence.is_not(None))
        .order_by(event.sequence)
    )
    rows: Any = connection.execution_options(yield_per=_AT_ONCE).execute(statement)
    for *record, sequence, mac, secret in rows:
        yield StoredLink(tuple(record), sequence, mac, secret)


def unchained(connection: Connection, organization_id: str) -> Unchained:
    """Return what waits for its link."""
    event = audit_events.c
    statement = select(func.count(), func.min(event.at)).where(
        event.organization_id == organization_id, event.sequence.is_(None)
    )
    return Unchained(*connection.execute(statement).one())
