"""When each scope of a key was last used."""

from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import Connection, func, select, tuple_

from wayvo.store.dialect import upsert
from wayvo.store.tables import scope_uses

MAX_OF_ONE: Final = 200
"""Rows that one key has at most; what it uses beyond them is not kept."""


def record(connection: Connection, uses: Sequence[tuple[str, str, str, int]]) -> None:
    """Store uses as (key id, audience, scope, instant); an older one than the stored changes nothing."""
    if not uses:
        return
    kept = _within_bounds(connection, uses)
    statement = upsert(connection, scope_uses)
    newer = statement.excluded.last_used_at
    statement = statement.on_conflict_do_update(
        index_elements=["api_key_id", "audience", "scope"],
        set_={"last_used_at": newer},
        where=scope_uses.c.last_used_at < newer,
    )
    # In one order: two nodes that store the same ones would wait for each other.
    rows = [dict(zip(("api_key_id", "audience", "scope", "last_used_at"), use, strict=True)) for use in sorted(kept)]
    if rows:
        connection.execute(statement, rows)


def of_key(connection: Connection, key_id: str, since_us: int) -> dict[tuple[str, str], int]:
    """Return when a key's scopes were last used, by audience and scope."""
    columns = (scope_uses.c.audience, scope_uses.c.scope, scope_uses.c.last_used_at)
    statement = select(*columns).where(scope_uses.c.api_key_id == key_id, scope_uses.c.last_used_at >= since_us)
    return {(audience, scope): at for audience, scope, at in connection.execute(statement)}


def sweep(connection: Connection, before_us: int, limit: int) -> int:
    """Delete at most ``limit`` uses of long ago; return how many."""
    identity = tuple(scope_uses.primary_key)
    due = select(*identity).where(scope_uses.c.last_used_at < before_us).order_by(scope_uses.c.last_used_at)
    return connection.execute(scope_uses.delete().where(tuple_(*identity).in_(due.limit(limit)))).rowcount


def _within_bounds(
    connection: Connection, uses: Sequence[tuple[str, str, str, int]]
) -> Collection[tuple[str, str, str, int]]:
    coming: dict[str, int] = {}
    for key_id, *_ in uses:
        coming[key_id] = coming.get(key_id, 0) + 1
    column = scope_uses.c.api_key_id
    counted = select(column, func.count()).where(column.in_(coming)).group_by(column)
    there = {row[0]: row[1] for row in connection.execute(counted)}
    full = {key_id for key_id, count in coming.items() if there.get(key_id, 0) + count > MAX_OF_ONE}
    if not full:
        return uses
    known = {key_id: set(of_key(connection, key_id, 0)) for key_id in full}
    kept = []
    for use in uses:
        key_id, audience, scope, _ = use
        if key_id in full and (audience, scope) not in known[key_id]:
            if len(known[key_id]) >= MAX_OF_ONE:
                continue
            known[key_id].add((audience, scope))
        kept.append(use)
    return kept
