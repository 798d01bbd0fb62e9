"""Engines for whole-database work (migration, backup, restore, copy), by the scheme of a URL."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from psycopg.conninfo import make_conninfo
from sqlalchemy import Engine, make_url

from wayvo.store.postgresql import create_postgresql_engine
from wayvo.store.sqlite import create_sqlite_engine

SQLITE: Final = "sqlite:///"
POSTGRESQL: Final = "postgresql+psycopg://"


class NoDatabase(Exception):
    """There is no database where one should be; the message says where."""


def is_postgresql(url: str) -> bool:
    """Say whether ``url`` names a database on a PostgreSQL server."""
    return url.startswith(POSTGRESQL)


def server_address(url: str) -> str:
    """Return what a PostgreSQL URL says as the driver itself takes it, where SQLAlchemy is not in between."""
    parsed = make_url(url)
    options: dict[str, Any] = {**parsed.translate_connect_args(database="dbname", username="user"), **parsed.query}
    # Not a URL: the two read those differently.
    return make_conninfo(**options)


def sqlite_path(url: str) -> Path:
    """Return the file that a SQLite URL names."""
    return Path(url.removeprefix(SQLITE))


def reading_engine(url: str) -> Engine:
    """Return an engine whose transactions each see one moment, for as long as they last, and hold nobody up."""
    if is_postgresql(url):
        engine = create_postgresql_engine(url, pool_size=1, statement_seconds=None)
        return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return create_sqlite_engine(_existing(url), "BEGIN")


def holding_engine(url: str) -> Engine:
    """Return an engine like that of :func:`reading_engine`, whose transactions on SQLite let nobody write meanwhile."""
    if is_postgresql(url):
        return reading_engine(url)
    return create_sqlite_engine(_existing(url), "BEGIN IMMEDIATE")


def writing_engine(url: str) -> Engine:
    """Return an engine that fills a database, made if need be: no statement is too long for it."""
    if is_postgresql(url):
        return create_postgresql_engine(url, pool_size=2, statement_seconds=None)
    path = sqlite_path(url)
    if not path.exists():
        path.touch(mode=0o600)
    return create_sqlite_engine(path, "BEGIN IMMEDIATE")


@contextmanager
def all_or_nothing(url: str) -> Iterator[Engine]:
    """Give an engine that fills a database; a file that was not there is gone again if that fails."""
    was_there = is_postgresql(url) or sqlite_path(url).exists()
    try:
        yield writing_engine(url)
    except BaseException:
        if not was_there:
            for suffix in ("", "-wal", "-shm"):
                Path(f"{sqlite_path(url)}{suffix}").unlink(missing_ok=True)
        raise


def _existing(url: str) -> Path:
    path = sqlite_path(url)
    if not path.is_file():
        raise NoDatabase(f"There is no database at {path}.")
    return path
