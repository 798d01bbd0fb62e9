"""Bring a database to the schema that this version of Wayvo works with."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

_MIGRATIONS: Final = Path(__file__).parent / "migrations"


class UnknownSchema(Exception):
    """The database was written by a newer Wayvo, whose schema this one does not know."""


def migrate(engine: Engine) -> None:
    """Apply every migration that is missing, each in a transaction of its own; do nothing when there is none."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    with engine.connect() as connection:
        current = current_revision(connection)
        connection.rollback()
        if current == scripts.get_current_head():
            return
        if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
            raise UnknownSchema(
                f"the database has schema {current}, which this version of Wayvo does not know; run the newer one"
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def current_revision(connection: Connection) -> str | None:
    """Return the schema's revision, ``None`` for an empty database."""
    return MigrationContext.configure(connection).get_current_revision()
