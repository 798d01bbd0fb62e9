"""The answers of creations, kept so that a repeated request creates nothing twice."""

from typing import NamedTuple

from sqlalchemy import Connection, select, tuple_

from wayvo.store.dialect import upsert
from wayvo.store.tables import idempotency_keys


class StoredAnswer(NamedTuple):
    """The answer to a request, and that request's digest."""

    request_digest: bytes
    answer: bytes


def find(connection: Connection, credential_id: str, key_digest: bytes, now_us: int) -> StoredAnswer | None:
    """Return the answer kept for a caller's idempotency key."""
    keys = idempotency_keys.c
    statement = select(keys.request_digest, keys.answer).where(
        keys.credential_id == credential_id, keys.key_digest == key_digest, keys.expires_at > now_us
    )
    row = connection.execute(statement).first()
    return None if row is None else StoredAnswer(row.request_digest, row.answer)


def claim(
    connection: Connection, credential_id: str, key_digest: bytes, kept: StoredAnswer, now_us: int, expires_at: int
) -> bool:
    """Keep an answer; return ``False`` if another request came first (on PostgreSQL after waiting for its end)."""
    values = {"request_digest": kept.request_digest, "answer": kept.answer, "expires_at": expires_at}
    statement = (
        upsert(connection, idempotency_keys)
        .values(credential_id=credential_id, key_digest=key_digest, **values)
        .on_conflict_do_update(
            index_elements=["credential_id", "key_digest"], set_=values, where=idempotency_keys.c.expires_at <= now_us
        )
        .returning(idempotency_keys.c.credential_id)
    )
    return connection.execute(statement).first() is not None


def sweep(connection: Connection, now_us: int, limit: int) -> int:
    """Delete at most ``limit`` answers that have had their time; return how many."""
    keys = idempotency_keys.c
    identity = (keys.credential_id, keys.key_digest)
    due = select(*identity).where(keys.expires_at <= now_us).order_by(keys.expires_at).limit(limit)
    return connection.execute(idempotency_keys.delete().where(tuple_(*identity).in_(due))).rowcount
