"""API keys as rows: one at a time, in pages, and the marks that jobs leave on them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, bindparam, or_, select, tuple_

from wayvo.core.credentials.api_key import ApiKey, Status
from wayvo.core.credentials.format import Mode
from wayvo.core.paging import Page, Position
from wayvo.core.words import words_of
from wayvo.store.dialect import upsert
from wayvo.store.rows import AnyRow
from wayvo.store.tables import api_key_words, api_keys

_MODEL_COLUMNS: Final = tuple(api_keys.c[name] for name in ApiKey.__struct_fields__)
_JSON_COLUMNS: Final = ("access", "allowed_networks", "metadata")


class ApiKeyFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which keys of an organization to list. Instants are microseconds.

    ``seen_in`` are the projects whose keys may be seen, ``None`` if all may.
    """

    project_id: str | None = None
    user_id: str | None = None
    mode: Mode | None = None
    status: Status | None = None
    text: str | None = None
    expiring_before: int | None = None
    unused_since: int | None = None
    seen_in: tuple[str, ...] | None = None


def insert(connection: Connection, key: ApiKey, digest: bytes, digest_secret: str) -> None:
    """Store a new key under its digest, searchable by its words."""
    row = _to_row(key) | {
        "digest": digest,
        "digest_secret": digest_secret,
        "ended_at": None,
        "idle_since": key.created_at,
    }
    connection.execute(api_keys.insert(), row)
    _insert_words(connection, key)


def insert_imported(
    connection: Connection, keys: Sequence[tuple[ApiKey, bytes]], digest_secret: str, now_us: int
) -> set[str]:
    """Store keys under the digests of their import; return the ids of those whose digest nobody else has.

    A key made elsewhere long ago was perhaps used there yesterday: it is idle from now on.
    """
    rows = [
        _to_row(key)
        | {
            "digest": digest,
            "digest_secret": digest_secret,
            "import_digest": digest,
            "ended_at": None,
            "idle_since": now_us,
        }
        # In one order: two imports of the same keys would wait for each other.
        for key, digest in sorted(keys, key=itemgetter(1))
    ]
    statement = upsert(connection, api_keys).on_conflict_do_nothing().returning(api_keys.c.id)
    stored = set(connection.execute(statement, rows).scalars())
    words = [row for key, _ in keys if key.id in stored for row in _word_rows(key)]
    if words:
        connection.execute(api_key_words.insert(), words)
    return stored


def find_imported(connection: Connection, digests: Collection[bytes]) -> dict[bytes, tuple[str, str]]:
    """Return the keys that were imported with these digests, as (id, organization id) by digest."""
    columns = (api_keys.c.import_digest, api_keys.c.id, api_keys.c.organization_id)
    rows = connection.execute(select(*columns).where(api_keys.c.import_digest.in_(digests)))
    return {digest: (key_id, organization_id) for digest, key_id, organization_id in rows}


def get(connection: Connection, organization_id: str, key_id: str) -> ApiKey | None:
    """Return a key of the organization."""
    statement = select(*_MODEL_COLUMNS).where(api_keys.c.id == key_id, api_keys.c.organization_id == organization_id)
    row = connection.execute(statement).first()
    return None if row is None else _to_model(row)


def get_for_update(connection: Connection, organization_id: str, key_id: str) -> ApiKey | None:
    """Return a key of the organization and keep others from changing it until the transaction ends."""
    statement = select(*_MODEL_COLUMNS).where(api_keys.c.id == key_id, api_keys.c.organization_id == organization_id)
    row = connection.execute(statement.with_for_update()).first()
    return None if row is None else _to_model(row)


def digest_of(connection: Connection, key_id: str) -> bytes:
    """Return the digest under which a key is stored."""
    digest: bytes = connection.execute(select(api_keys.c.digest).where(api_keys.c.id == key_id)).scalar_one()
    return digest


def update(connection: Connection, before: ApiKey, after: ApiKey) -> None:
    """Store what differs between two states of one key."""
    old, new = _to_row(before), _to_row(after)
    changed = {name: value for name, value in new.items() if value != old[name]}
    if after.revoked_at is not None and before.revoked_at is None:
        changed["ended_at"] = after.revoked_at
    if not changed:
        return
    connection.execute(api_keys.update().where(api_keys.c.id == after.id), changed)
    if {"name", "description"} & changed.keys():
        connection.execute(api_key_words.delete().where(api_key_words.c.api_key_id == after.id))
        _insert_words(connection, after)


def page(
    connection: Connection, organization_id: str, wanted: ApiKeyFilter, now_us: int, after: Position | None, limit: int
) -> Page[ApiKey]:
    """Return a page of keys.

    The order is that of the index which answers the filter: the next to expire first for ``expiring_before``, the
    longest unused first for ``unused_since``, the last expired first for the status ``expired``, else the newest first.
    """
    key = api_keys.c
    order, ascending = _order(wanted)
    conditions = [key.organization_id == organization_id, *_conditions(organization_id, wanted, now_us, after)]
    if after is not None:
        if order is not None:
            here, there = tuple_(order, key.id), tuple_(bindparam(None, after.value), bindparam(None, after.id))
            conditions.append(here > there if ascending else here < there)
        elif words_of(wanted.text or ""):
            # Likewise: the words are to find the keys, not a walk through all of them.
            conditions.append(key.id.concat("") < after.id)
        else:
            conditions.append(key.id < after.id)
    sorting: list[ColumnElement[Any]] = [key.id.desc()]
    if order is not None:
        sorting = [order, key.id] if ascending else [order.desc(), key.id.desc()]
    sort_value = order if order is not None else key.created_at
    statement = select(*_MODEL_COLUMNS, sort_value.label("sort_value")).where(*conditions)
    rows = connection.execute(statement.order_by(*sorting).limit(limit + 1)).all()
    shown = rows[:limit]
    following = None
    if len(rows) > limit:
        following = Position(None if order is None else shown[-1].sort_value, shown[-1].id)
    return Page(tuple(_to_model(row) for row in shown), following)


def record_uses(connection: Connection, uses: Iterable[tuple[str, int, str | None]]) -> None:
    """Store last uses as (key id, instant, network); an older one than the stored changes nothing."""
    statement = (
        api_keys.update()
        .where(
            api_keys.c.id == bindparam("key_id"),
            or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at < bindparam("used_at")),
        )
        .values(
            last_used_at=bindparam("used_at"), last_used_network=bindparam("network"), idle_since=bindparam("used_at")
        )
    )
    rows = [{"key_id": key_id, "used_at": used_at, "network": network} for key_id, used_at, network in uses]
    if rows:
        connection.execute(statement, rows)


def mark_expired(connection: Connection, now_us: int, limit: int) -> int:
    """Mark at most ``limit`` expired keys as ended; return how many."""
    due = (
        select(api_keys.c.id)
        .where(api_keys.c.ended_at.is_(None), api_keys.c.expires_at.is_not(None), api_keys.c.expires_at <= now_us)
        .order_by(api_keys.c.expires_at)
        .limit(limit)
    )
    statement = api_keys.update().where(api_keys.c.id.in_(due)).values(ended_at=api_keys.c.expires_at)
    return connection.execute(statement).rowcount


def _order(wanted: ApiKeyFilter) -> tuple[ColumnElement[int] | None, bool]:
    """Return the column that sorts before the id, and whether ascending; ``None``: the id alone, newest first."""
    if wanted.expiring_before is not None:
        return api_keys.c.expires_at, True
    if wanted.unused_since is not None:
        return api_keys.c.idle_since, True
    if wanted.status == "expired":
        return api_keys.c.expires_at, False
    return None, False


def _conditions(
    organization_id: str, wanted: ApiKeyFilter, now_us: int, after: Position | None
) -> Iterable[ColumnElement[bool]]:
    key = api_keys.c
    # SQLite's walk through an index starts at one bound. On later pages that must be the cursor, so this one is in a
    # form that no index answers.
    expires_at = key.expires_at if after is None else key.expires_at + 0
    if wanted.project_id is not None:
        yield key.project_id == wanted.project_id
    if wanted.seen_in is not None:
        # With a single project, the index of its keys gives their order too.
        is_one = len(wanted.seen_in) == 1
        yield key.project_id == wanted.seen_in[0] if is_one else key.project_id.in_(wanted.seen_in)
    if wanted.user_id is not None:
        yield key.user_id == wanted.user_id
    if wanted.mode is not None:
        yield key.mode == wanted.mode.value
    if wanted.expiring_before is not None:
        yield and_(key.revoked_at.is_(None), key.expires_at.is_not(None), key.expires_at < wanted.expiring_before)
        if wanted.status is None:
            yield expires_at > now_us
    if wanted.unused_since is not None:
        yield and_(key.ended_at.is_(None), key.idle_since < wanted.unused_since)
        yield or_(key.expires_at.is_(None), key.expires_at > now_us)
    match wanted.status:
        case "active":
            yield and_(key.ended_at.is_(None), or_(key.expires_at.is_(None), key.expires_at > now_us))
        case "expired":
            yield and_(key.revoked_at.is_(None), key.expires_at.is_not(None), expires_at <= now_us)
        case "revoked":
            yield key.revoked_at.is_not(None)
        case None:
            pass
    for word in words_of(wanted.text or ""):
        yield key.id.in_(
            select(api_key_words.c.api_key_id).where(
                api_key_words.c.organization_id == organization_id,
                api_key_words.c.word >= word,
                api_key_words.c.word < word + "\U0010ffff",
            )
        )


def _insert_words(connection: Connection, key: ApiKey) -> None:
    if rows := _word_rows(key):
        connection.execute(api_key_words.insert(), rows)


def _word_rows(key: ApiKey) -> list[dict[str, str]]:
    # The last four first: words are many, and only so many of them are kept.
    words = words_of(f"{key.last_four} {key.name} {key.description}")
    return [{"organization_id": key.organization_id, "word": word, "api_key_id": key.id} for word in words]


def _to_row(key: ApiKey) -> dict[str, Any]:
    row = {name: getattr(key, name) for name in key.__struct_fields__}
    for name in _JSON_COLUMNS:
        row[name] = msgspec.json.encode(row[name], order="deterministic").decode()
    row["mode"] = key.mode.value
    return row


def _to_model(row: AnyRow) -> ApiKey:
    fields: Mapping[str, Any] = {name: getattr(row, name) for name in ApiKey.__struct_fields__}
    decoded = {name: msgspec.json.decode(fields[name]) for name in _JSON_COLUMNS}
    return msgspec.convert({**fields, **decoded}, ApiKey)
