"""Stores the last uses that verification noted, in batches."""

from typing import Final

from wayvo.store import api_keys
from wayvo.store.database import Database, Transaction
from wayvo.verify.meter import Meter, Use

BATCH: Final = 500


async def store_last_uses(database: Database, meter: Meter) -> None:
    """Store what was noted since the last time. What a failure keeps from being stored is lost: it is a convenience."""
    uses = meter.drain()
    for start in range(0, len(uses), BATCH):
        batch = uses[start : start + BATCH]

        def job(transaction: Transaction, batch: list[Use] = batch) -> None:
            api_keys.record_uses(transaction.connection, batch)

        await database.write(job)
