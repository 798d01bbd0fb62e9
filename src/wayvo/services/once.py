"""``Idempotency-Key``: a creation that is asked for twice happens once (draft-ietf-httpapi-idempotency-key-header).

The answer is kept, without its secret, in the transaction of the creation: it exists exactly if the thing exists. A
concurrent duplicate waits for the first in the writer's queue (on PostgreSQL at the row).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from wayvo.core.actor import Actor
from wayvo.core.errors import IdempotencyKeyReused
from wayvo.core.instants import DAY_US
from wayvo.store import idempotency
from wayvo.store.idempotency import StoredAnswer

KEPT_US: Final = DAY_US


@dataclass(frozen=True, slots=True)
class Once:
    """A caller's idempotency key with the digest of the request it came with, and how the door renders the answer."""

    key_digest: bytes
    request_digest: bytes
    render: Callable[[Any], bytes]


@dataclass(frozen=True, slots=True)
class Replayed:
    """The request was answered before: this was the answer, less its secret."""

    answer: bytes


Repeated = Replayed | IdempotencyKeyReused


def find_earlier(connection: Connection, actor: Actor, once: Once | None, now_us: int) -> Repeated | None:
    """Return what the idempotency key has led to before, ``None`` if nothing."""
    if once is None:
        return None
    kept = idempotency.find(connection, actor.credential_id, once.key_digest, now_us)
    if kept is None:
        return None
    if kept.request_digest != once.request_digest:
        return IdempotencyKeyReused(
            "Another request was made with this Idempotency-Key within 24 hours. Use a new key."
        )
    return Replayed(kept.answer)


def keep(connection: Connection, actor: Actor, once: Once | None, created: object, now_us: int) -> Repeated | None:
    """Keep the answer for ``created``; return what a concurrent request did first, if one came between."""
    if once is None:
        return None
    kept = StoredAnswer(once.request_digest, once.render(created))
    if idempotency.claim(connection, actor.credential_id, once.key_digest, kept, now_us, now_us + KEPT_US):
        return None
    return find_earlier(connection, actor, once, now_us)
