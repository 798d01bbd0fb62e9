"""How a contract opens a database of each engine, holds it up, and looks at it from outside."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Engine, NullPool, Select, create_engine

from wayvo.core.audit_chain import Sealer
from wayvo.core.change import Change
from wayvo.core.credentials.digest import RootSecret
from wayvo.store.database import Database, Transaction
from wayvo.store.group_commit import Limits
from wayvo.store.postgresql import PostgresqlDatabase
from wayvo.store.schema import migrate
from wayvo.store.sqlite import SqliteDatabase, create_sqlite_engine

NODE = "0123456789abcdef"
ROOT = RootSecret(b"the root secret of these databases")
SEALER = Sealer(ROOT)


class ClosableDatabase(Database, Protocol):
    """A database that can be closed."""

    async def close(self) -> None: ...


class DatabaseEngine(Protocol):
    """One engine with one empty, migrated database."""

    outside: Engine
    """Connections of their own, which see what is committed and nothing else."""

    def connect(self, publish: Callable[[Change], None], limits: Limits) -> ClosableDatabase:
        """Open the database on the running event loop."""
        ...


class SqliteEngine:
    """SQLite (:class:`DatabaseEngine`)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        migrate(create_sqlite_engine(path, "BEGIN IMMEDIATE"))
        self.outside = create_sqlite_engine(path, "BEGIN")

    def connect(self, publish: Callable[[Change], None], limits: Limits) -> SqliteDatabase:
        return SqliteDatabase(self._path, publish, NODE, SEALER, limits)


class PostgresqlEngine:
    """PostgreSQL (:class:`DatabaseEngine`); the database is reached ``through`` another URL than from outside."""

    def __init__(self, url: str, *, through: str | None = None, node: str = NODE) -> None:
        self.url = url
        self._through = through or url
        self._node = node
        self.outside = create_engine(url, poolclass=NullPool)

    def connect(self, publish: Callable[[Change], None], limits: Limits) -> PostgresqlDatabase:
        return PostgresqlDatabase(self._through, publish, self._node, limits)


@dataclass
class Opened:
    """An open database, what it has published, and a look at what is committed."""

    engine: DatabaseEngine
    published: list[Change] = field(default_factory=list)
    on_publish: Callable[[Change], None] = lambda _: None
    database: ClosableDatabase = field(init=False)

    def publish(self, change: Change) -> None:
        self.published.append(change)
        self.on_publish(change)

    def committed(self, statement: Select[Any]) -> list[Any]:
        """Return the first column of what another connection sees."""
        with self.engine.outside.connect() as connection, connection.begin():
            return list(connection.execute(statement).scalars())


@asynccontextmanager
async def opened(engine: DatabaseEngine, limits: Limits | None = None) -> AsyncIterator[Opened]:
    """Open the engine's database, and close it at the end."""
    there = Opened(engine)
    there.database = engine.connect(there.publish, limits or Limits())
    try:
        yield there
    finally:
        await there.database.close()


class Gate:
    """Something on a database's thread that waits until it is opened: meanwhile others queue up behind it."""

    def __init__(self) -> None:
        self._entered = threading.Event()
        self._opened = threading.Event()

    def pass_through(self) -> None:
        """Wait; called on the database's thread."""
        self._entered.set()
        assert self._opened.wait(60), "nobody opened the gate"

    def __call__(self, _: Transaction) -> None:
        self.pass_through()

    async def entered(self) -> None:
        """Wait until somebody stands in the gate."""
        assert await asyncio.to_thread(self._entered.wait, 60), "nobody came to the gate"

    def open(self) -> None:
        """Let everybody through."""
        self._opened.set()


@asynccontextmanager
async def held(database: Database) -> AsyncIterator[None]:
    """Hold the writer for as long as the context lasts: what is written meanwhile makes one batch."""
    gate = Gate()
    holding = asyncio.create_task(database.write(gate))
    await gate.entered()
    try:
        yield
        # Every task that was made gets as far as its place in the queue.
        await asyncio.sleep(0)
    finally:
        gate.open()
        await holding
