"""The migrations make the schema that the code works with, on both engines, whole or not at all."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, NullPool, create_engine, inspect, make_url, text
from sqlalchemy.exc import DBAPIError

from tests.harness.server import RunningServer
from wayvo.store.schema import UnknownSchema, current_revision, migrate
from wayvo.store.sqlite import create_sqlite_engine
from wayvo.store.tables import metadata

ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))]
NewDatabase = Callable[[], Engine]

# Everything about a schema that PostgreSQL knows and Alembic's own comparison leaves out.
POSTGRESQL_CATALOGUE = (
    "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
    "SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default, collation_name,"
    " is_identity FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2",
    "SELECT conname, conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
)


@pytest.fixture(params=ENGINES)
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewDatabase]:
    """Makes empty databases, each of its own."""
    made: list[str] = []

    def on_sqlite() -> Engine:
        made.append(f"{len(made)}.db")
        return create_sqlite_engine(tmp_path / made[-1], "BEGIN IMMEDIATE")

    if request.param == "sqlite":
        yield on_sqlite
        return
    url = make_url(request.getfixturevalue("postgresql_url"))
    server = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")

    def on_postgresql() -> Engine:
        made.append(f"migrations_{len(made)}")
        with server.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {made[-1]}"))
        return create_engine(url.set(database=made[-1]), poolclass=NullPool)

    yield on_postgresql
    with server.connect() as connection:
        for name in made:
            connection.execute(text(f"DROP DATABASE {name}"))


def revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return current_revision(connection)


def tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names())


def described(engine: Engine) -> Any:
    """Return all that the engine tells of its schema, in an order that does not hang on who made it."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            found = [sorted(map(repr, connection.execute(text(query)))) for query in POSTGRESQL_CATALOGUE]
            return [[row for row in rows if "alembic" not in row] for rows in found]
        made = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE '%alembic%'"))
        return {row.name: _clauses(row.sql) for row in made}


def _clauses(sql: str | None) -> list[str]:
    # The order of a table's constraints means nothing; that of its columns is kept in their own test.
    # The one check stands beside its column in the declaration and at the end in the migration.
    # Columns that were added later stand on one line with the last of the others.
    apart = re.sub(r" (CONSTRAINT ck_)|, (?=[a-z_]+ [A-Z])", r"\n\1", re.sub(r"[ \t]+", " ", sql or ""))
    lines = apart.splitlines()
    return sorted(line.strip().rstrip(",") for line in lines if line.strip())


def test_an_empty_database_gets_the_schema_that_the_code_works_with(new_database: NewDatabase) -> None:
    engine = new_database()
    migrate(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    assert tables(engine) == {*metadata.tables, "alembic_version"}


def test_the_migrations_make_exactly_what_the_tables_declare(new_database: NewDatabase) -> None:
    migrated, declared = new_database(), new_database()
    migrate(migrated)
    with declared.begin() as connection:
        metadata.create_all(connection)
    assert described(migrated) == described(declared)
    for table in metadata.tables.values():
        columns = [column["name"] for column in inspect(migrated).get_columns(table.name)]
        assert columns == table.columns.keys()


def test_the_comparison_notices_an_index_that_lost_its_condition(new_database: NewDatabase) -> None:
    engine = new_database()
    migrate(engine)
    before = described(engine)
    with engine.begin() as connection:
        connection.execute(text("DROP INDEX ix_api_keys_active"))
        connection.execute(text("CREATE INDEX ix_api_keys_active ON api_keys (organization_id, id)"))
    assert described(engine) != before


def test_migrating_again_changes_nothing(new_database: NewDatabase) -> None:
    engine = new_database()
    migrate(engine)
    before = revision(engine), described(engine)
    migrate(engine)
    assert (revision(engine), described(engine)) == before
    assert before[0] is not None


def test_a_database_of_a_newer_version_is_refused_and_left_alone(new_database: NewDatabase) -> None:
    engine = new_database()
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    before = described(engine)
    with pytest.raises(UnknownSchema, match=r"schema 9999, .* not know\. Run the newer version"):
        migrate(engine)
    assert (revision(engine), described(engine)) == ("9999", before)


def test_a_server_refuses_a_database_of_a_newer_version(tmp_path: Path) -> None:
    engine = create_sqlite_engine(tmp_path / "wayvo.db", "BEGIN IMMEDIATE")
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    # The database has a secret by now, as one that a newer version made would have.
    secret = tmp_path / "secret.key"
    secret.touch(mode=0o600)
    secret.write_text("ab" * 32)
    with pytest.raises(UnknownSchema), RunningServer(tmp_path):
        pass


@pytest.mark.parametrize("in_the_way", ["outbox", "api_key_words"])
def test_a_migration_that_dies_half_way_leaves_the_old_schema(new_database: NewDatabase, in_the_way: str) -> None:
    engine = new_database()
    with engine.begin() as connection:
        connection.execute(text(f"CREATE TABLE {in_the_way} (id INTEGER)"))
    with pytest.raises(DBAPIError, match="already exists"):
        migrate(engine)
    assert tables(engine) - {"alembic_version"} == {in_the_way}
    assert revision(engine) is None
    with engine.begin() as connection:
        connection.execute(text(f"DROP TABLE {in_the_way}"))
    migrate(engine)
    assert tables(engine) == {*metadata.tables, "alembic_version"}
