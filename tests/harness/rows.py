"""What stands in the database, to see that nothing was written."""

from typing import Any

from sqlalchemy import Connection, select

from tests.harness.server import RunningServer
from wayvo.installation import Installation
from wayvo.store.tables import audit_chains, audit_events, last_batches, metadata

# Noted by a job some time after a use, or an event, whatever the request was.
_BY_JOBS = frozenset({"last_used_at", "last_used_network", "idle_since", "mac", "mac_secret"})


def stored_rows(server: RunningServer) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table, less the marks of last uses and of batches, and less denied attempts.

    Those, and the links of all events, are added by jobs some time later.
    """

    def query(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
        found = {}
        for table in metadata.sorted_tables:
            if table in (last_batches, audit_chains):
                # A batch that has only locked rows leaves a mark too.
                continue
            columns = [column for column in table.columns if column.name not in _BY_JOBS]
            statement = select(*columns)
            if table is audit_events:
                links = [column for column in columns if column is not audit_events.c.sequence]
                statement = select(*links).where(audit_events.c.action != "access.denied")
            found[table.name] = sorted((tuple(row) for row in connection.execute(statement)), key=repr)
        return found

    async def step(installation: Installation) -> dict[str, list[tuple[Any, ...]]]:
        return await installation.database.read(query)

    return server.call(step)
