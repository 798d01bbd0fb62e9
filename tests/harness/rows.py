"""What stands in the database, to see that nothing was written."""

from typing import Any

from sqlalchemy import Connection, select

from tests.harness.server import RunningServer
from wayvo.installation import Installation
from wayvo.store.tables import last_batches, metadata

# Noted by a job some time after a use, whatever the request was.
_LAST_USE = frozenset({"last_used_at", "last_used_network", "idle_since"})


def stored_rows(server: RunningServer) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table, less the marks of last uses and of batches."""

    def query(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
        found = {}
        for table in metadata.sorted_tables:
            if table is last_batches:
                # A batch that has only locked rows leaves a mark too.
                continue
            columns = [column for column in table.columns if column.name not in _LAST_USE]
            found[table.name] = sorted((tuple(row) for row in connection.execute(select(*columns))), key=repr)
        return found

    async def step(installation: Installation) -> dict[str, list[tuple[Any, ...]]]:
        return await installation.database.read(query)

    return server.call(step)
