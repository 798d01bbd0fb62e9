"""Engines for whole-database work (migration, backup, restore, copy), by the scheme of a URL."""

from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from wayvo.store.postgresql import create_postgresql_engine
from wayvo.store.sqlite import create_sqlite_engine

SQLITE: Final = "sqlite:///"
POSTGRESQL: Final = "postgresql+psycopg://"


def is_postgresql(url: str) -> bool:
    """Say whether ``url`` names a database on a PostgreSQL server."""
    return url.startswith(POSTGRESQL)


def server_address(url: str) -> str:
    """Return a PostgreSQL URL as the driver itself takes it."""
    return f"postgresql://{url.removeprefix(POSTGRESQL)}"


def sqlite_path(url: str) -> Path:
    """Return the file that a SQLite URL names."""
    return Path(url.removeprefix(SQLITE))


def writing_engine(url: str) -> Engine:
    """Return an engine for migrations and restores: no statement is too long for it."""
    if is_postgresql(url):
        return create_postgresql_engine(url, pool_size=1, statement_seconds=None)
    return create_sqlite_engine(sqlite_path(url), "BEGIN IMMEDIATE")


def reading_engine(url: str) -> Engine:
    """Return an engine whose transactions each see one moment, for as long as they last, and hold nobody up."""
    if is_postgresql(url):
        engine = create_postgresql_engine(url, pool_size=1, statement_seconds=None)
        return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return create_sqlite_engine(sqlite_path(url), "BEGIN")
