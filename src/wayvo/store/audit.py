"""The audit trail: events go in with the change that they tell of, and become links of their organization's chain."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, and_, select, text

from wayvo.core.audit import AuditEvent
from wayvo.core.audit_chain import FIELDS, START, Link, Record, Sealer
from wayvo.core.ids import ENTROPY_BYTES, new_id
from wayvo.core.paging import Page, Position
from wayvo.store.paging import newest_first
from wayvo.store.rows import AnyRow
from wayvo.store.tables import audit_chains, audit_events, installation

# Every node tries to be the one that chains; on SQLite the writer is alone anyway.
_CHAIN_LOCK: Final = 0x77_61_79_76_61  # "wayva"
_TRY_LOCK: Final = text("SELECT pg_try_advisory_xact_lock(:lock)")

_COLUMNS: Final = (*FIELDS, "sequence", "mac", "mac_secret")
_RECORD: Final = tuple(audit_events.c[name] for name in FIELDS)
_ORGANIZATION: Final = FIELDS.index("organization_id")

# Written by hand: the statements run in every batch, and building them costs as much as running them.
_INSERT_ON_SQLITE: Final = f"INSERT INTO audit_events ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608 - our own names
_ARRAYS: Final = ", ".join(f"CAST(:{name} AS {'bigint' if name == 'at' else 'text'}[])" for name in FIELDS)
_INSERT_ON_POSTGRESQL: Final = text(
    f"INSERT INTO audit_events ({', '.join(FIELDS)}) SELECT * FROM unnest({_ARRAYS})"  # noqa: S608 - likewise
)
_LINK_ON_SQLITE: Final = "UPDATE audit_events SET sequence = ?, mac = ?, mac_secret = ? WHERE id = ?"
_LINK_ON_POSTGRESQL: Final = text(
    "UPDATE audit_events SET sequence = made.sequence, mac = made.mac, mac_secret = :secret FROM unnest("
    "CAST(:ids AS text[]), CAST(:sequences AS bigint[]), CAST(:macs AS bytea[])) AS made(id, sequence, mac) "
    "WHERE audit_events.id = made.id"
)
_HEADS_ON_POSTGRESQL: Final = text(
    "SELECT organization_id, sequence, mac FROM audit_chains WHERE organization_id = ANY(CAST(:wanted AS text[]))"
)
_MOVE_HEAD: Final = (
    "ON CONFLICT (organization_id) DO UPDATE SET sequence = excluded.sequence, mac = excluded.mac, seal = excluded.seal"
)
_HEAD_ON_SQLITE: Final = (
    f"INSERT INTO audit_chains (organization_id, sequence, mac, seal) VALUES (?, ?, ?, ?) {_MOVE_HEAD}"  # noqa: S608 - likewise
)
_HEADS_TO_POSTGRESQL: Final = text(
    "INSERT INTO audit_chains (organization_id, sequence, mac, seal) SELECT * FROM unnest(CAST(:owners AS text[]), "  # noqa: S608 - likewise
    f"CAST(:sequences AS bigint[]), CAST(:macs AS bytea[]), CAST(:seals AS bytea[])) {_MOVE_HEAD}"
)
_PENDING: Final = select(*_RECORD).where(audit_events.c.sequence.is_(None)).order_by(audit_events.c.id)


class AuditFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which events of an organization to list; ``since`` (with it) and ``until`` (without it) in microseconds."""

    action: str | None = None
    actor_id: str | None = None
    target_id: str | None = None
    since: int | None = None
    until: int | None = None


def insert_chained(connection: Connection, records: Sequence[Record], sealer: Sealer) -> None:
    """Store a batch's events as links of their chains: for the engine whose writers stand in one queue."""
    if not records:
        return
    links = _extend(connection, records, sealer)
    rows = [(*record, *link, sealer.fingerprint) for record, link in zip(records, links, strict=True)]
    connection.exec_driver_sql(_INSERT_ON_SQLITE, rows)


def insert_unchained(connection: Connection, records: Sequence[Record]) -> None:
    """Store a batch's events, to be chained later by :func:`chain_pending`: writers don't queue for a chain's end."""
    if records:
        columns = zip(*records, strict=True)
        connection.execute(_INSERT_ON_POSTGRESQL, dict(zip(FIELDS, map(list, columns), strict=True)))


def has_pending(connection: Connection) -> bool:
    """Say whether an event waits for its link."""
    return connection.execute(_PENDING.limit(1)).first() is not None


def chain_pending(connection: Connection, sealer: Sealer, limit: int) -> int:
    """Chain at most ``limit`` committed events; return how many, 0 if another node is at it.

    In the order of their ids as far as they are there: one that is committed late is chained late. A node that still
    has an earlier root secret leaves it to those that have the present one.
    """
    if connection.dialect.name == "postgresql" and not connection.execute(_TRY_LOCK, {"lock": _CHAIN_LOCK}).scalar():
        return 0
    if connection.execute(select(installation.c.secret_fingerprint)).scalar() != sealer.fingerprint:
        return 0
    records = [tuple(row) for row in connection.execute(_PENDING.limit(limit))]
    if not records:
        return 0
    links = _extend(connection, records, sealer)
    if connection.dialect.name == "postgresql":
        made = {
            "ids": [record[0] for record in records],
            "sequences": [link.sequence for link in links],
            "macs": [link.mac for link in links],
            "secret": sealer.fingerprint,
        }
        connection.execute(_LINK_ON_POSTGRESQL, made)
    else:
        rows = [(*link, sealer.fingerprint, record[0]) for record, link in zip(records, links, strict=True)]
        connection.exec_driver_sql(_LINK_ON_SQLITE, rows)
    return len(records)


def get(connection: Connection, organization_id: str, event_id: str) -> tuple[AuditEvent, int | None] | None:
    """Return an event of the organization, and its place in the chain."""
    statement = select(*_RECORD, audit_events.c.sequence).where(
        audit_events.c.id == event_id, audit_events.c.organization_id == organization_id
    )
    row = connection.execute(statement).first()
    return None if row is None else _to_model(row)


def page(
    connection: Connection, organization_id: str, wanted: AuditFilter, after: Position | None, limit: int
) -> Page[tuple[AuditEvent, int | None]]:
    """Return a page of the organization's events with their places in the chain, the newest first.

    An event's id begins with its moment, so the index that sorts a list also bounds it in time.
    """
    event = audit_events.c
    conditions = [event.organization_id == organization_id]
    for name in ("action", "actor_id", "target_id"):
        if (value := getattr(wanted, name)) is not None:
            conditions.append(event[name] == value)
    if wanted.since is not None:
        conditions.append(event.id >= _first_id(wanted.since))
    if wanted.until is not None:
        # One upper bound: with two, SQLite may start its walk at the worse one.
        bound = _first_id(wanted.until)
        after = Position(None, bound if after is None else min(after.id, bound))
    statement = select(*_RECORD, event.sequence).where(*conditions)
    return newest_first(connection, statement, event.id, after, limit, _to_model)


def organizations_to_prune(connection: Connection, before_us: int) -> list[str]:
    """Return whose first kept link is older than that."""
    first, chain = audit_events.c, audit_chains.c
    is_first = and_(first.organization_id == chain.organization_id, first.sequence == chain.pruned_sequence + 1)
    oldest = select(first.at).where(is_first).scalar_subquery()
    statement = select(chain.organization_id).where(oldest < before_us)
    return list(connection.execute(statement).scalars())


def prune(connection: Connection, organization_id: str, before_us: int, sealer: Sealer, limit: int) -> int:
    """Delete at most ``limit`` of the organization's first links that are older than that; return how many.

    What is kept still verifies: the last link that went is remembered, sealed.
    """
    event, chain = audit_events.c, audit_chains.c
    head = connection.execute(
        select(chain.pruned_sequence).where(chain.organization_id == organization_id).with_for_update()
    ).first()
    if head is None:
        return 0
    oldest = connection.execute(
        select(event.sequence, event.mac, event.at)
        .where(event.organization_id == organization_id, event.sequence > head.pruned_sequence)
        .order_by(event.sequence)
        .limit(limit)
    ).all()
    last: Link | None = None
    for row in oldest:
        if row.at >= before_us:
            break
        last = Link(row.sequence, row.mac)
    if last is None:
        return 0
    gone = audit_events.delete().where(event.organization_id == organization_id, event.sequence <= last.sequence)
    count = connection.execute(gone).rowcount
    pruned = {
        "pruned_sequence": last.sequence,
        "pruned_mac": last.mac,
        "pruned_seal": sealer.seal("pruned", organization_id, last),
    }
    connection.execute(audit_chains.update().where(chain.organization_id == organization_id), pruned)
    return count


def _extend(connection: Connection, records: Sequence[Record], sealer: Sealer) -> list[Link]:
    """Return the link of each record, and move the ends of their chains: one reading and one writing for the batch."""
    owners = sorted({str(record[_ORGANIZATION]) for record in records})
    heads = _heads(connection, owners)
    links = []
    for record in records:
        owner = str(record[_ORGANIZATION])
        heads[owner] = link = sealer.link(heads[owner], record)
        links.append(link)
    seals = [sealer.seal("head", owner, heads[owner]) for owner in owners]
    if connection.dialect.name == "postgresql":
        moved = {
            "owners": owners,
            "sequences": [heads[owner].sequence for owner in owners],
            "macs": [heads[owner].mac for owner in owners],
            "seals": seals,
        }
        connection.execute(_HEADS_TO_POSTGRESQL, moved)
    else:
        rows = [(owner, *heads[owner], seal) for owner, seal in zip(owners, seals, strict=True)]
        connection.exec_driver_sql(_HEAD_ON_SQLITE, rows)
    return links


def _heads(connection: Connection, owners: Sequence[str]) -> dict[str, Link]:
    if connection.dialect.name == "postgresql":
        found = connection.execute(_HEADS_ON_POSTGRESQL, {"wanted": owners})
    else:
        marks = ", ".join("?" * len(owners))
        statement = f"SELECT organization_id, sequence, mac FROM audit_chains WHERE organization_id IN ({marks})"  # noqa: S608 - marks
        found = connection.exec_driver_sql(statement, tuple(owners))
    return dict.fromkeys(owners, START) | {owner: Link(sequence, mac) for owner, sequence, mac in found}


def _first_id(instant_us: int) -> str:
    return new_id("evt", instant_us, bytes(ENTROPY_BYTES))


def _to_model(row: AnyRow) -> tuple[AuditEvent, int | None]:
    fields: dict[str, Any] = {name: getattr(row, name) for name in FIELDS}
    for name in ("before", "after"):
        fields[name] = None if fields[name] is None else msgspec.json.decode(fields[name])
    return AuditEvent(**fields), row.sequence
