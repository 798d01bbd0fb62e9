"""The schema of a database: bring it to the one that this version of Wayvo works with, or see that it is."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_MIGRATION_LOCK: Final = 0x77_61_79_76_6D  # "wayvm"


class UnknownSchema(Exception):
    """The database was written by a newer Wayvo, whose schema this one does not know."""


class OldSchema(Exception):
    """The database wants to be migrated first."""


def migrate(engine: Engine, target: str = "head") -> None:
    """Apply every migration that is missing up to ``target``; two nodes that try at once do it one after the other."""
    config = _config()
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _MIGRATION_LOCK})
            connection.commit()
        current = _known_revision(connection)
        connection.rollback()
        if current != (head() if target == "head" else target):
            config.attributes["connection"] = connection
            command.upgrade(config, target)
            connection.commit()
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _MIGRATION_LOCK})
            connection.commit()


def check(engine: Engine) -> None:
    """Refuse a database whose schema is not the one that this version works with."""
    with engine.connect() as connection:
        current = _known_revision(connection)
    if current != head():
        found = "no schema yet" if current is None else f"the older schema {current}"
        raise OldSchema(f"The database has {found}. Stop the nodes, back it up, and run: wayvo migrate")


def current_revision(connection: Connection) -> str | None:
    """Return the schema's revision, ``None`` for an empty database."""
    return MigrationContext.configure(connection).get_current_revision()


def head() -> str:
    """Return the revision that this version of Wayvo works with."""
    revision = _scripts().get_current_head()
    if revision is None:
        raise RuntimeError("there are no migrations")
    return revision


def is_known(revision: str) -> bool:
    """Say whether ``revision`` is the present schema or an earlier one."""
    return revision in {script.revision for script in _scripts().walk_revisions()}


def _known_revision(connection: Connection) -> str | None:
    current = current_revision(connection)
    if current is not None and not is_known(current):
        raise UnknownSchema(
            f"The database has the schema {current}, which this version of Wayvo ({head()}) does not know. "
            "Run the newer version that wrote it."
        )
    return current


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())
