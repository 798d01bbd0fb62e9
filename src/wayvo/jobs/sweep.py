"""Sweeps what has had its time, in batches small enough to hold nobody up."""

from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection

from wayvo.core.instants import DAY_US, Clock
from wayvo.store import api_keys, idempotency, last_batches, outbox, scope_uses
from wayvo.store.database import Database

BATCH: Final = 500
OUTBOX_KEPT_US: Final = DAY_US
SCOPE_USES_KEPT_US: Final = 30 * DAY_US


async def sweep(database: Database, clock: Clock) -> None:
    """Mark expired keys as ended; delete old answers of creations, outbox rows, uses of scopes, marks of nodes."""
    now = clock()
    await _in_batches(database, lambda connection: api_keys.mark_expired(connection, now, BATCH))
    await _in_batches(database, lambda connection: idempotency.sweep(connection, now, BATCH))
    await _in_batches(database, lambda connection: outbox.sweep(connection, now - OUTBOX_KEPT_US, BATCH))
    await _in_batches(database, lambda connection: scope_uses.sweep(connection, now - SCOPE_USES_KEPT_US, BATCH))
    await _in_batches(database, lambda connection: last_batches.sweep(connection, now - DAY_US, BATCH))


async def _in_batches(database: Database, step: Callable[[Connection], int]) -> None:
    while await database.write(lambda transaction: step(transaction.connection)) == BATCH:
        pass
