"""The database as others see it through their own small protocols."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection

from wayvo.core.credentials.record import CredentialRecords, ImportState, Move
from wayvo.store import credentials, key_formats, outbox
from wayvo.store.database import Database, SteadyDatabase, Transaction
from wayvo.store.outbox import OutboxRow


class StoredCredentials:
    """Credentials for verification (:class:`wayvo.verify.filler.Source`); ``secret`` is the present root secret's."""

    def __init__(self, database: Database, secret: str) -> None:
        self._database = database
        self._secret = secret

    async def find(self, digests: Collection[bytes]) -> CredentialRecords:
        return await self._database.read(lambda connection: credentials.find(connection, digests))

    async def move(self, moves: Sequence[Move]) -> None:
        def job(transaction: Transaction) -> None:
            for move in moves:
                credentials.move_digest(transaction.connection, move, self._secret)

        await self._database.write(job)

    async def import_state(self) -> ImportState:
        def query(connection: Connection) -> ImportState:
            return ImportState(key_formats.every(connection), credentials.are_imports_waiting(connection))

        return await self._database.read(query)


class StoredOutbox:
    """The outbox for who follows it (:class:`wayvo.bus.follower.Outbox`)."""

    def __init__(self, database: SteadyDatabase) -> None:
        self._database = database

    async def last_sequence(self) -> int:
        return await self._database.read_apart(outbox.last_sequence)

    async def after(self, sequence: int, limit: int) -> Sequence[OutboxRow]:
        return await self._database.read_apart(lambda connection: outbox.after(connection, sequence, limit))
