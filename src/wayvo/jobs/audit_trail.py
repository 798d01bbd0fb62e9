"""What the audit trail needs beside the requests: links for events that went in without one, and pruning."""

from functools import partial
from typing import Final

from wayvo.core.audit_chain import Sealer
from wayvo.core.instants import DAY_US, Clock
from wayvo.store import audit
from wayvo.store.database import Database, Transaction

CHAINED: Final = 250
PRUNED: Final = 500


async def chain_events(database: Database, sealer: Sealer) -> None:
    """Chain what is committed, in batches that hold no writer up for long. Every node does; one at a time gets to."""
    # An idle node only looks, and a busy one leaves the rest of a moment to its next turn.
    count = CHAINED if await database.read(audit.has_pending) else 0
    while count == CHAINED:
        count = await database.write(lambda transaction: audit.chain_pending(transaction.connection, sealer, CHAINED))


async def prune_events(database: Database, sealer: Sealer, clock: Clock, retention_days: int) -> None:
    """Delete what is older than the retention (0: nothing is), in small batches, from the beginning of each chain."""
    if not retention_days:
        return
    before = clock() - retention_days * DAY_US
    for organization_id in await database.read(lambda connection: audit.organizations_to_prune(connection, before)):
        count = PRUNED
        while count == PRUNED:
            count = await database.write(partial(_prune, organization_id, before, sealer))


def _prune(organization_id: str, before_us: int, sealer: Sealer, transaction: Transaction) -> int:
    return audit.prune(transaction.connection, organization_id, before_us, sealer, PRUNED)
