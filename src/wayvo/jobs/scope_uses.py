"""Stores the uses of scopes that verification noted, in batches."""

from typing import Final

from wayvo.store import scope_uses
from wayvo.store.database import Database, Transaction
from wayvo.verify.scope_uses import ScopeUse, ScopeUses

BATCH: Final = 500


async def store_scope_uses(database: Database, noted: ScopeUses) -> None:
    """Store what was noted since the last time. What a failure keeps from being stored is lost: it is a convenience."""
    uses = noted.drain()
    for start in range(0, len(uses), BATCH):
        batch = uses[start : start + BATCH]

        def job(transaction: Transaction, batch: list[ScopeUse] = batch) -> None:
            scope_uses.record(transaction.connection, batch)

        await database.write(job)
