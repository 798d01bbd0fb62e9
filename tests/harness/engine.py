"""Which database the servers of a run work on: SQLite, or PostgreSQL with ``--engine postgresql``.

On PostgreSQL every server folder has a database of its own on the run's private server: a folder that is served again
finds what it held.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import NullPool, create_engine, make_url, text

from wayvo.store.schema import migrate

ENGINES: Final = ("sqlite", "postgresql")
ROOT_SECRET: Final = "the root secret that the nodes of these tests share"

_names = count(1)


class ServerEngine(Protocol):
    """Gives a server its database."""

    def variables(self, folder: Path) -> Mapping[str, str]:
        """Return the settings that make a server of ``folder`` work on this engine."""
        ...


class OnSqlite:
    """A file in the server's folder (:class:`ServerEngine`)."""

    def variables(self, folder: Path) -> Mapping[str, str]:
        return {"WAYVO_DATA_DIR": str(folder)}


class OnPostgresql:
    """Databases on a private server, made from one that is migrated (:class:`ServerEngine`)."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._template: str | None = None
        self._databases: dict[Path, str] = {}

    def variables(self, folder: Path) -> Mapping[str, str]:
        if folder not in self._databases:
            self._databases[folder] = self._create_migrated()
        return nodes_variables(self._url_of(self._databases[folder]))

    @contextmanager
    def database(self, *, is_empty: bool = False) -> Iterator[str]:
        """Make a database, migrated unless it is to be empty; yield its URL, and drop it at the end."""
        name = self._create() if is_empty else self._create_migrated()
        try:
            yield self._url_of(name)
        finally:
            self._drop(name)

    def drop_databases(self) -> None:
        """Drop what the servers that have ended left behind."""
        for name in self._databases.values():
            self._drop(name)
        self._databases.clear()

    def _create_migrated(self) -> str:
        if self._template is None:
            template = self._create()
            migrate(create_engine(self._url_of(template), poolclass=NullPool))
            self._template = template
        return self._create(f"TEMPLATE {self._template}")

    def _create(self, options: str = "") -> str:
        name = f"wayvo_{next(_names)}"
        self._run(f"CREATE DATABASE {name} {options}")
        return name

    def _drop(self, name: str) -> None:
        self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def _url_of(self, database: str) -> str:
        return make_url(self._url).set(database=database).render_as_string(hide_password=False)

    def _run(self, statement: str) -> None:
        server = create_engine(self._url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with server.connect() as connection:
            connection.execute(text(statement))


def nodes_variables(url: str) -> Mapping[str, str]:
    """Return the settings of a node on the database at ``url``."""
    return {"WAYVO_DATABASE_URL": url, "WAYVO_SECRET_KEY": ROOT_SECRET}


class _Chosen:
    engine: ServerEngine = OnSqlite()


def chosen() -> ServerEngine:
    """Return the engine of this run."""
    return _Chosen.engine


def choose(engine: ServerEngine) -> None:
    """Let every server from now on work on ``engine``."""
    _Chosen.engine = engine
