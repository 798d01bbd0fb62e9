"""``wayvo restore``: a whole backup into an empty database of either engine, or nothing at all."""

import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import inspect, text

from tests.harness.engine import ROOT_SECRET
from tests.harness.held_command import HeldCommand
from tests.harness.installations import (
    Filled,
    Place,
    Places,
    content,
    fill,
    fill_as_before,
    migrate_place,
    served,
    tables_of,
)
from tests.harness.process import run_wayvo
from wayvo.core.credentials.digest import RootSecret
from wayvo.store.backup import BackupError, restore_backup
from wayvo.store.engines import writing_engine
from wayvo.store.schema import VERSIONS, current_revision, head

POSTGRESQL = pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))
ENGINES = ["sqlite", POSTGRESQL]
FINGERPRINT = RootSecret(ROOT_SECRET.encode()).fingerprint

# What a later version of Wayvo might bring: its revision must be a known one only where this folder is.
NEXT_MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = "9001"
down_revision = "PRESENT"


def upgrade() -> None:
    op.add_column("projects", sa.Column("slug", sa.Text()))
    op.execute("UPDATE projects SET slug = lower(name)")
    op.create_index("ix_projects_slug", "projects", ["slug"])
""".replace("PRESENT", head())


def backed_up(places: Places, folder: Path, engine: str = "sqlite", keys: int = 0) -> tuple[Filled, Place, Path]:
    """Fill a place and back it up; return what it holds, the place, and the file."""
    place, file = places.on(engine, "source"), folder / "backup"
    filled = fill(place, keys)
    run = run_wayvo("backup", "--to", file, folder=folder, variables=place.variables)
    assert run.returncode == 0, run.stderr
    return filled, place, file


@pytest.mark.parametrize("there", ENGINES)
@pytest.mark.parametrize("here", ENGINES)
def test_a_restored_installation_holds_every_row_and_its_keys_work(
    places: Places, tmp_path: Path, here: str, there: str
) -> None:
    filled, source, file = backed_up(places, tmp_path, here, keys=2500)
    target = places.on(there, "target")
    run = run_wayvo("restore", "--from", file, folder=tmp_path, variables=target.variables)
    assert run.returncode == 0, run.stderr
    assert content(target) == content(source)
    assert f"{sum(map(len, content(source).values()))} rows restored" in run.stdout
    if there == "sqlite":
        assert {path.name: path.stat().st_mode & 0o77 for path in target.folder.glob("wayvo.db*")} == {"wayvo.db": 0}
    with served(target) as server:
        client = server.client(filled.operator)
        filled.confirm(client)
        created = client.post("/v1/api-keys", json={"name": "Afterwards", "scopes": ["users:read"]}).json()
        assert client.post("/v1/verify", json={"credential": created["api_key"]}).json()["valid"] is True


@pytest.mark.parametrize("there", ENGINES)
@pytest.mark.parametrize("here", ENGINES)
def test_a_database_of_the_first_schema_is_backed_up_as_it_is_and_its_keys_work_where_it_is_restored(
    places: Places, tmp_path: Path, here: str, there: str
) -> None:
    source, old, target, file = *(places.on(here, name) for name in ("new", "old")), places.on(there, "target"), "file"
    filled = fill(source, as_at_first=True)
    fill_as_before(old, "0001", source)
    run = run_wayvo("backup", "--to", file, folder=tmp_path, variables=old.variables)
    assert run.returncode == 0, run.stderr
    assert "schema 0001" in run.stdout
    run = run_wayvo("restore", "--from", file, folder=tmp_path, variables=target.variables)
    assert run.returncode == 0, run.stderr
    known = tables_of(old)
    assert content(target) == {name: rows if name in known else [] for name, rows in content(source).items()}
    with served(target) as server:
        filled.confirm(server.client(filled.operator))


@pytest.mark.parametrize("engine", ENGINES)
def test_whatever_migrations_there_will_be_a_backup_of_now_is_brought_through_them(
    places: Places, tmp_path: Path, engine: str
) -> None:
    _, source, file = backed_up(places, tmp_path)
    versions = tmp_path / "versions"
    versions.mkdir()
    (versions / "9001_slugs.py").write_text(NEXT_MIGRATION)
    target = places.on(engine, "target")
    target.folder.mkdir()
    database = writing_engine(target.url)
    restore_backup(file, database, lambda *_: None, (*VERSIONS, versions))
    with database.connect() as connection:
        assert current_revision(connection) == "9001"
        slugs = connection.execute(text("SELECT slug FROM projects ORDER BY id")).scalars().all()
        assert "ix_projects_slug" in {index["name"] for index in inspect(connection).get_indexes("projects")}
    database.dispose()
    assert slugs == [row[2].lower() for row in content(source)["projects"]]
    assert sorted(slugs) == ["archived", "default"]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_backup_whose_migration_fails_leaves_nothing(places: Places, tmp_path: Path, engine: str) -> None:
    _, _, file = backed_up(places, tmp_path)
    versions = tmp_path / "versions"
    versions.mkdir()
    (versions / "9001_slugs.py").write_text(NEXT_MIGRATION + '    raise ZeroDivisionError("half way")\n')
    target = places.on(engine, "target")
    target.folder.mkdir()
    database = writing_engine(target.url)
    with pytest.raises(ZeroDivisionError):
        restore_backup(file, database, lambda *_: None, (*VERSIONS, versions))
    database.dispose()
    assert tables_of(target) == {}


# ---------------------------------------------------------------- damage


def rewrite(file: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    """Write a backup anew with other members: a whole ZIP file, whatever it holds."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def manifest_with(file: Path, **fields: Any) -> None:
    def change(members: dict[str, bytes]) -> None:
        members["manifest.json"] = msgspec.json.encode(msgspec.json.decode(members["manifest.json"]) | fields)

    rewrite(file, change)


def cut_short(file: Path) -> str:
    file.write_bytes(file.read_bytes()[:-500])
    return "is not a backup of Wayvo's, or not a whole one"


def cut_to_nothing(file: Path) -> str:
    file.write_bytes(b"")
    return "is not a backup of Wayvo's, or not a whole one"


def another_file(file: Path) -> str:
    file.write_bytes(b"SQLite format 3\0" + bytes(8000))
    return "is not a backup of Wayvo's, or not a whole one"


def another_zip(file: Path) -> str:
    rewrite(file, lambda members: members.clear())
    return "is not a backup of Wayvo's: a part of it is missing"


def a_flipped_bit(file: Path) -> str:
    data = bytearray(file.read_bytes())
    with zipfile.ZipFile(file) as archive:
        member = archive.getinfo("api_keys.jsonl")
    data[member.header_offset + member.compress_size // 2] ^= 0x10
    file.write_bytes(data)
    return "backup"


def a_missing_table(file: Path) -> str:
    def change(members: dict[str, bytes]) -> None:
        del members["api_keys.jsonl"]

    rewrite(file, change)
    return "is not a backup of Wayvo's: a part of it is missing"


def a_table_of_nobody(file: Path) -> str:
    with zipfile.ZipFile(file) as archive:
        tables = msgspec.json.decode(archive.read("manifest.json"))["tables"]
    manifest_with(file, tables=tables | {"invoices": tables["users"]})
    return f"its tables are not those of the schema {head()}"


def another_row(file: Path) -> str:
    def change(members: dict[str, bytes]) -> None:
        members["users.jsonl"] = members["users.jsonl"].replace(b"owner@acme.example", b"other@acme.example")

    rewrite(file, change)
    return "the rows of users are not what its manifest says"


def a_lost_row(file: Path) -> str:
    def change(members: dict[str, bytes]) -> None:
        members["api_key_words.jsonl"] = members["api_key_words.jsonl"].partition(b"\n")[2]

    rewrite(file, change)
    return "the rows of api_key_words are not what its manifest says"


def a_row_too_many(file: Path) -> str:
    def change(members: dict[str, bytes]) -> None:
        members["users.jsonl"] *= 2

    rewrite(file, change)
    return "the rows of users are not what its manifest says"


def a_row_of_no_form(file: Path) -> str:
    def change(members: dict[str, bytes]) -> None:
        members["users.jsonl"] = b'["usr_1"]\n'

    rewrite(file, change)
    return "the rows of users are not what its manifest says"


def the_next_format(file: Path) -> str:
    manifest_with(file, format=2)
    return "has the format 2, which this version of Wayvo does not read"


def the_next_schema(file: Path) -> str:
    manifest_with(file, schema="9999")
    return "has the schema 9999, which this version of Wayvo does not know"


def a_manifest_of_no_form(file: Path) -> str:
    manifest_with(file, tables=[])
    return "is not a backup of Wayvo's, or not a whole one"


DAMAGES = [
    cut_short,
    cut_to_nothing,
    another_file,
    another_zip,
    a_flipped_bit,
    a_missing_table,
    a_table_of_nobody,
    another_row,
    a_lost_row,
    a_row_too_many,
    a_row_of_no_form,
    the_next_format,
    the_next_schema,
    a_manifest_of_no_form,
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A backup as it should be."""
    folder = tmp_path_factory.mktemp("whole")

    def no_database() -> str:
        raise AssertionError("this is on SQLite")

    return backed_up(Places(folder, no_database), folder)[2].read_bytes()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_no_whole_backup_is_refused_and_nothing_is_restored(
    places: Places, tmp_path: Path, whole: bytes, engine: str, damage: Callable[[Path], str]
) -> None:
    target, file = places.on(engine, "target"), tmp_path / "backup"
    target.folder.mkdir()
    file.write_bytes(whole)
    reason = damage(file)
    database = writing_engine(target.url)
    with pytest.raises(BackupError) as refused:
        restore_backup(file, database, lambda *_: None)
    assert reason in str(refused.value)
    assert tables_of(target) == {}
    file.write_bytes(whole)
    restore_backup(file, database, lambda *_: None)
    database.dispose()
    assert tables_of(target)["installation"] == 1


@pytest.mark.parametrize("damage", [cut_short, another_row])
def test_a_refused_backup_is_told_and_leaves_no_file(
    places: Places, tmp_path: Path, whole: bytes, damage: Callable[[Path], str]
) -> None:
    target, file = places.on_sqlite("target"), tmp_path / "backup"
    file.write_bytes(whole)
    reason = damage(file)
    run = run_wayvo("restore", "--from", file, folder=tmp_path, variables=target.variables)
    assert (run.returncode, run.stdout, reason in run.stderr) == (7, "", True), run.stderr
    assert run.stderr.endswith("Nothing was restored.\n")
    assert list(target.folder.glob("wayvo.db*")) == []
    file.write_bytes(whole)
    assert run_wayvo("restore", "--from", file, folder=tmp_path, variables=target.variables).returncode == 0


def test_a_file_that_is_not_there_is_told_and_nothing_is_made(places: Places, tmp_path: Path) -> None:
    target = places.on_sqlite("target")
    run = run_wayvo("restore", "--from", "nowhere", folder=tmp_path, variables=target.variables)
    assert (run.returncode, run.stderr) == (
        7,
        "Error: nowhere can't be read: No such file or directory. Nothing was restored.\n",
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("end", [b"", b"\n"], ids=["a row without an end", "a long row"])
def test_a_backup_that_was_made_to_swell_does_not_fill_the_memory(
    places: Places, tmp_path: Path, whole: bytes, end: bytes
) -> None:
    target, file = places.on_sqlite("target"), tmp_path / "backup"
    target.folder.mkdir()
    file.write_bytes(whole)
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in members.items():
            with archive.open(name, "w") as member:
                member.write(data)
                if name == "organizations.jsonl":
                    for _ in range(300):
                        member.write(bytes(1 << 20))
                    member.write(end)
    assert file.stat().st_size < 3_000_000
    database = writing_engine(target.url)
    tracemalloc.start()
    try:
        with pytest.raises(BackupError, match="damaged"):
            restore_backup(file, database, lambda *_: None)
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()
        database.dispose()


# ---------------------------------------------------------------- where it goes


@pytest.mark.parametrize("engine", ENGINES)
def test_an_installation_is_not_restored_over(places: Places, tmp_path: Path, engine: str) -> None:
    _, _, file = backed_up(places, tmp_path)
    target = places.on(engine, "target")
    fill(target)
    before = content(target)
    run = run_wayvo("restore", "--from", file, folder=tmp_path, variables=target.variables)
    assert (run.returncode, run.stdout) == (7, "")
    assert "The database to restore into has rows already" in run.stderr
    assert content(target) == before


@pytest.mark.needs("postgresql")
def test_a_database_of_others_is_not_restored_into(places: Places, tmp_path: Path) -> None:
    _, _, file = backed_up(places, tmp_path)
    target = places.on_postgresql("target")
    database = writing_engine(target.url)
    with database.begin() as connection:
        connection.execute(text("CREATE TABLE invoices (id INTEGER)"))
    database.dispose()
    run = run_wayvo("restore", "--from", file, folder=tmp_path, variables=target.variables)
    assert (run.returncode, "has tables already: invoices. Restore into an empty one" in run.stderr) == (7, True)
    assert tables_of(target) == {}


@pytest.mark.parametrize("engine", ENGINES)
def test_an_empty_database_that_was_migrated_already_is_as_good(places: Places, tmp_path: Path, engine: str) -> None:
    _, source, file = backed_up(places, tmp_path)
    target = places.on(engine, "target")
    migrate_place(target)
    run = run_wayvo("restore", "--from", file, folder=tmp_path, variables=target.variables)
    assert run.returncode == 0, run.stderr
    assert content(target) == content(source)


def test_a_restore_that_is_killed_has_restored_nothing_and_can_be_made_again(places: Places, tmp_path: Path) -> None:
    _, source, file = backed_up(places, tmp_path, keys=15_000)
    target = places.on_sqlite("target")
    with HeldCommand("restore", "--from", file, folder=tmp_path, variables=target.variables) as restoring:
        restoring.hold_at(r"api_keys: 2000\b")
        restoring.kill()
    assert sum(tables_of(target).values()) == 0
    run = run_wayvo("restore", "--from", file, folder=tmp_path, variables=target.variables)
    assert run.returncode == 0, run.stderr
    assert content(target) == content(source)


def test_no_server_starts_on_a_folder_that_is_being_restored(places: Places, tmp_path: Path) -> None:
    _, source, file = backed_up(places, tmp_path, keys=15_000)
    target = places.on_sqlite("target")
    with HeldCommand("restore", "--from", file, folder=tmp_path, variables=target.variables) as restoring:
        restoring.hold_at(r"api_keys: 2000\b")
        serving = run_wayvo("serve", folder=tmp_path, variables=target.variables)
        assert (serving.returncode, "Another server runs on the data folder" in serving.stderr) == (2, True)
        assert restoring.go_on() == 0, restoring.stderr.text
    assert content(target) == content(source)


# ---------------------------------------------------------------- the secret


def test_a_restore_says_loudly_where_the_root_secret_has_to_be(places: Places, tmp_path: Path) -> None:
    _, _, file = backed_up(places, tmp_path)
    wanted = f"Put the one with the fingerprint {FINGERPRINT} in"
    run = run_wayvo("restore", "--from", file, folder=tmp_path, variables={"WAYVO_DATA_DIR": "data"})
    assert run.returncode == 0, run.stderr
    assert wanted in run.stderr
    assert "data/secret.key (there is none yet) before you serve" in run.stderr
    serving = run_wayvo("serve", folder=tmp_path, variables={"WAYVO_DATA_DIR": "data"})
    assert (serving.returncode, "secret.key is gone" in serving.stderr) == (2, True)

    other = {"WAYVO_DATA_DIR": "other", "WAYVO_SECRET_KEY": "x" * 40}
    run = run_wayvo("restore", "--from", file, folder=tmp_path, variables=other)
    assert wanted in run.stderr
    assert f"WAYVO_SECRET_KEY (what is there now has the fingerprint {RootSecret(b'x' * 40).fingerprint})" in run.stderr

    right = {"WAYVO_DATA_DIR": "right", "WAYVO_SECRET_KEY": ROOT_SECRET}
    run = run_wayvo("restore", "--from", file, folder=tmp_path, variables=right)
    assert f"The root secret that belongs to it (fingerprint {FINGERPRINT}) is in WAYVO_SECRET_KEY" in run.stderr
    assert ROOT_SECRET not in run.stdout + run.stderr
