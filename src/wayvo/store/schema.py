"""The schema of a database: bring it to the one that this version of Wayvo works with, or see that it is."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
VERSIONS: Final = (_MIGRATIONS / "versions",)
"""The folders that the migrations are in. A parameter, so that a test can add the next one."""

_MIGRATION_LOCK: Final = 0x77_61_79_76_6D  # "wayvm"


class UnknownSchema(Exception):
    """The database was written by a newer Wayvo, whose schema this one does not know."""


class OldSchema(Exception):
    """The database wants to be migrated first."""


def migrate(engine: Engine) -> None:
    """Apply every migration that is missing; two nodes that try at once do it one after the other."""
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            # Not the transaction's: each migration has one of its own.
            connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _MIGRATION_LOCK})
            connection.commit()
        current = _known_revision(connection)
        connection.rollback()
        if current != head():
            upgrade(connection, "head")
            connection.commit()
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _MIGRATION_LOCK})
            connection.commit()


def upgrade(connection: Connection, target: str, versions: Sequence[Path] = VERSIONS) -> None:
    """Apply the migrations up to ``target``. In the transaction that ``connection`` is in, if it is in one."""
    config = _config(versions)
    config.attributes["connection"] = connection
    command.upgrade(config, target)


def hold_migrations(connection: Connection) -> None:
    """Let nobody migrate until the transaction ends; wait for who does (on SQLite a transaction is alone anyway)."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})


def check(engine: Engine, *, may_be_older: bool = False) -> None:
    """Refuse a database whose schema is not the one that this version works with (or knows as an earlier one)."""
    with engine.connect() as connection:
        current = _known_revision(connection)
    if current is None or (current != head() and not may_be_older):
        found = "no schema yet" if current is None else f"the older schema {current}"
        raise OldSchema(f"The database has {found}. Stop the nodes, back it up, and run: wayvo migrate")


def current_revision(connection: Connection) -> str | None:
    """Return the schema's revision, ``None`` for an empty database."""
    return MigrationContext.configure(connection).get_current_revision()


def head() -> str:
    """Return the revision that this version of Wayvo works with."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise RuntimeError("there are no migrations")
    return revision


def is_known(revision: str, versions: Sequence[Path] = VERSIONS) -> bool:
    """Say whether ``revision`` is the present schema or an earlier one."""
    scripts = ScriptDirectory.from_config(_config(versions))
    return revision in {script.revision for script in scripts.walk_revisions()}


def _known_revision(connection: Connection) -> str | None:
    current = current_revision(connection)
    if current is not None and not is_known(current):
        raise UnknownSchema(
            f"The database has the schema {current}, which this version of Wayvo ({head()}) does not know. "
            "Run the newer version that wrote it."
        )
    return current


def _config(versions: Sequence[Path] = VERSIONS) -> Config:
    config = Config()
    config.set_main_option("script_location", _escaped(_MIGRATIONS))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(_escaped(folder) for folder in versions))
    return config


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")
