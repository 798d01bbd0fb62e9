"""The engines that every contract holds on."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, NullPool, create_engine, make_url, text

from tests.contracts.engines import DatabaseEngine, PostgresqlEngine, SqliteEngine
from wayvo.store.schema import migrate
from wayvo.store.sqlite import create_sqlite_engine

ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))]
TEMPLATE = "contracts"

_numbers = count(1)


@pytest.fixture
def anyio_backend() -> str:
    """The database's threads report to asyncio's loop."""
    return "asyncio"


@pytest.fixture(scope="session")
def sqlite_store(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """A migrated SQLite database, for tests that leave nothing behind."""
    store = create_sqlite_engine(tmp_path_factory.mktemp("store") / "wayvo.db", "BEGIN IMMEDIATE")
    migrate(store)
    return store


@pytest.fixture(scope="session")
def postgresql_store(postgresql_url: str) -> Engine:
    """A migrated database of its own on the PostgreSQL server, for tests that leave nothing behind."""
    _on_server(postgresql_url, f"CREATE DATABASE {TEMPLATE}")
    store = create_engine(make_url(postgresql_url).set(database=TEMPLATE), poolclass=NullPool)
    migrate(store)
    return store


@pytest.fixture(params=ENGINES)
def connection(request: pytest.FixtureRequest) -> Iterator[Connection]:
    """A transaction on the real schema of each engine; it is rolled back at the end."""
    store: Engine = request.getfixturevalue(f"{request.param}_store")
    with store.connect() as connection, connection.begin() as transaction:
        yield connection
        transaction.rollback()


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> DatabaseEngine:
    """What opens databases, with an empty one for this test; the contract of ``Database`` holds on each."""
    if request.param == "sqlite":
        return SqliteEngine(tmp_path / "wayvo.db")
    on_postgresql: PostgresqlEngine = request.getfixturevalue("postgresql_engine")
    return on_postgresql


@pytest.fixture
def postgresql_engine(postgresql_url: str, postgresql_store: Engine) -> Iterator[PostgresqlEngine]:
    """What opens databases on PostgreSQL, with an empty one for this test."""
    name = f"contract_{next(_numbers)}"
    _on_server(postgresql_url, f"CREATE DATABASE {name} TEMPLATE {postgresql_store.url.database}")
    yield PostgresqlEngine(make_url(postgresql_url).set(database=name).render_as_string(hide_password=False))
    # Without FORCE this also proves that every connection was closed.
    _on_server(postgresql_url, f"DROP DATABASE {name}")


def _on_server(url: str, statement: str) -> None:
    server = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(statement))
