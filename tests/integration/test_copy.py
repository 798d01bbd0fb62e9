"""``wayvo copy``: everything arrives, whatever interrupts it; nobody writes meanwhile; every key goes on working."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.harness.held_command import HeldCommand
from tests.harness.installations import Place, Places, content, fill, migrate_place, served, tables_of
from tests.harness.process import run_wayvo
from wayvo.store.engines import writing_engine

pytestmark = pytest.mark.needs("postgresql")

WAYS = pytest.mark.parametrize(("here", "there"), [("sqlite", "postgresql"), ("postgresql", "sqlite")])
PASSWORD = "hunter2hunter2"


def arguments(source: Place, target: Place) -> list[str]:
    return ["copy", "--from", source.url, "--to", target.url]


def execute(place: Place, *statements: str) -> None:
    engine = writing_engine(place.url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


@WAYS
def test_everything_arrives_and_every_key_goes_on_working(
    places: Places, tmp_path: Path, here: str, there: str
) -> None:
    source, target = places.on(here, "source"), places.on(there, "target")
    filled = fill(source, keys=2500)
    before = content(source)
    assert all(before.values()), "every table has something to copy"
    run = run_wayvo(*arguments(source, target), folder=tmp_path)
    assert run.returncode == 0, run.stderr
    assert content(target) == content(source) == before
    for table, rows in before.items():
        assert f"{table}: {len(rows)} rows, equal on both sides" in run.stdout
    assert f"api_keys: {len(before['api_keys'])} of {len(before['api_keys'])} rows" in run.stderr
    assert "Without that secret no key works." in run.stderr
    with served(target) as server:
        client = server.client(filled.operator)
        filled.confirm(client)
        created = client.post("/v1/api-keys", json={"name": "After the move", "scopes": ["users:read"]})
        assert created.status_code == 201
        revoked = client.post(f"/v1/api-keys/{created.json()['id']}/revoke", json={})
        assert revoked.status_code == 200
        verdict = client.post("/v1/verify", json={"credential": created.json()["api_key"]})
        assert verdict.json()["code"] == "revoked"


@pytest.mark.parametrize(
    ("here", "there", "moment"),
    [
        ("sqlite", "postgresql", "key_brands: 1"),
        ("sqlite", "postgresql", "projects: 2"),
        ("sqlite", "postgresql", r"api_keys: 2000\b"),
        ("sqlite", "postgresql", r"api_key_words: 4000\b"),
        ("postgresql", "sqlite", r"api_keys: 2000\b"),
    ],
)
def test_a_copy_that_is_killed_is_no_installation_and_goes_on_where_it_stopped(
    places: Places, tmp_path: Path, here: str, there: str, moment: str
) -> None:
    source, target = places.on(here, "source"), places.on(there, "target")
    filled = fill(source, keys=5000)
    with HeldCommand(*arguments(source, target), folder=tmp_path, variables={}) as copying:
        copying.hold_at(moment)
        copying.kill()
    arrived = tables_of(target)
    assert arrived["installation"] == 0
    assert 0 < sum(arrived.values()) < sum(tables_of(source).values())
    if arrived["organizations"]:
        serving = run_wayvo("serve", folder=tmp_path, variables=target.variables)
        assert (serving.returncode, "a copy into it was interrupted" in serving.stderr) == (2, True), serving.stderr
    run = run_wayvo(*arguments(source, target), folder=tmp_path)
    assert run.returncode == 0, run.stderr
    assert content(target) == content(source)
    shown = [int(done) for done in re.findall(r"^api_keys: (\d+) of", run.stderr, flags=re.MULTILINE)]
    assert shown[0] >= arrived["api_keys"], "it has begun anew"
    with served(target) as server:
        filled.confirm(server.client(filled.operator))


# ---------------------------------------------------------------- copy against write


def test_nobody_writes_to_an_sqlite_source_while_it_is_copied(places: Places, tmp_path: Path) -> None:
    source, target = places.on_sqlite("source"), places.on_postgresql("target")
    fill(source, keys=5000)
    before = content(source)
    with HeldCommand(*arguments(source, target), folder=tmp_path, variables={}) as copying:
        copying.hold_at(r"api_keys: 2000\b")
        serving = run_wayvo("serve", folder=tmp_path, variables=source.variables)
        assert (serving.returncode, serving.stderr.count("Another server runs on the data folder")) == (2, 1)
        # No server, but it would write all the same.
        making = run_wayvo("operator-key", folder=tmp_path, variables=source.variables)
        assert (making.returncode, making.stdout) != (0, "")
        assert making.returncode in (2, 8), making.stderr
        assert copying.go_on() == 0, copying.stderr.text
    assert content(target) == content(source) == before


def test_nobody_writes_to_a_postgresql_source_while_it_is_copied(places: Places, tmp_path: Path) -> None:
    source, target = places.on_postgresql("source"), places.on_sqlite("target")
    fill(source, keys=5000)
    before = content(source)
    with HeldCommand(*arguments(source, target), folder=tmp_path, variables={}) as copying:
        copying.hold_at(r"api_keys: 2000\b")
        for command in ("serve", "operator-key"):
            run = run_wayvo(command, folder=tmp_path, variables=source.variables)
            assert (run.returncode, run.stdout) == (2, ""), run.stderr
            assert "can't be used: 55P03" in run.stderr
        assert copying.go_on() == 0, copying.stderr.text
    assert content(target) == content(source) == before


def test_a_source_that_is_served_is_not_copied(places: Places, tmp_path: Path) -> None:
    for engine, code, reason in (
        ("sqlite", 2, "Another server runs on the data folder"),
        ("postgresql", 6, "Nodes of Wayvo are connected to the source"),
    ):
        source, target = places.on(engine, f"source on {engine}"), places.on_postgresql("target")
        migrate_place(source)
        with served(source) as server:
            run = run_wayvo(*arguments(source, target), folder=tmp_path)
            assert (run.returncode, run.stdout) == (code, "")
            assert reason in run.stderr
            assert server.client().get("/v1/whoami").status_code == 200
        assert tables_of(target) == {}


def test_a_source_that_is_not_in_its_servers_data_folder_is_guarded_as_well(places: Places, tmp_path: Path) -> None:
    elsewhere, target = places.on_sqlite("elsewhere"), places.on_postgresql("target")
    fill(elsewhere)
    source = Place(elsewhere.url, {**elsewhere.variables, "WAYVO_DATA_DIR": str(tmp_path / "data")})
    with served(source):
        run = run_wayvo(*arguments(source, target), folder=tmp_path)
        assert (run.returncode, "Another server runs on the data folder" in run.stderr) == (2, True)
    assert run_wayvo(*arguments(source, target), folder=tmp_path).returncode == 0


@pytest.mark.parametrize("there", ["sqlite", "postgresql"])
def test_nothing_else_works_on_the_target_while_a_copy_runs_into_it(places: Places, tmp_path: Path, there: str) -> None:
    source, other, target = places.on_sqlite("source"), places.on_sqlite("other"), places.on(there, "target")
    fill(source, keys=5000)
    fill(other)
    with HeldCommand(*arguments(source, target), folder=tmp_path, variables={}) as copying:
        copying.hold_at(r"api_keys: 2000\b")
        assert run_wayvo("serve", folder=tmp_path, variables=target.variables).returncode == 2
        second = run_wayvo(*arguments(other, target), folder=tmp_path)
        assert second.returncode in (2, 6), second.stderr
        assert copying.go_on() == 0, copying.stderr.text
    assert content(target) == content(source)


# ---------------------------------------------------------------- what is refused


def another_installation(places: Places, target: Place) -> str:
    fill(target)
    return "holds an installation already"


def other_tables(places: Places, target: Place) -> str:
    execute(target, "CREATE TABLE invoices (id INTEGER)", "CREATE TABLE users (id INTEGER)")
    return "has tables already: invoices, users"


def a_table_beside_ours(places: Places, target: Place) -> str:
    migrate_place(target)
    execute(target, "CREATE TABLE invoices (id INTEGER)")
    return "has tables already: invoices"


def other_rows(places: Places, target: Place) -> str:
    migrate_place(target)
    execute(target, "INSERT INTO organizations VALUES ('org_other', 'Other', 1)")
    return "has rows in organizations that the source has not"


def the_rows_of_a_server(places: Places, target: Place) -> str:
    migrate_place(target)
    execute(target, "INSERT INTO outbox (node, kind, subject, created_at) VALUES ('n', 'project', 'prj_1', 1)")
    return "A server has written to the target"


@pytest.mark.parametrize(
    "prepare", [another_installation, other_tables, a_table_beside_ours, other_rows, the_rows_of_a_server]
)
def test_a_target_that_is_not_empty_is_refused_and_left_alone(
    places: Places, tmp_path: Path, prepare: Callable[[Places, Place], str]
) -> None:
    source, target = places.on_sqlite("source"), places.on_postgresql("target")
    fill(source)
    reason = prepare(places, target)
    before = tables_of(target) if prepare is other_tables else content(target)
    run = run_wayvo(*arguments(source, target), folder=tmp_path)
    assert (run.returncode, run.stdout) == (6, "")
    assert reason in run.stderr
    assert (tables_of(target) if prepare is other_tables else content(target)) == before


def test_a_copy_is_not_continued_from_a_source_that_has_changed(places: Places, tmp_path: Path) -> None:
    source, target = places.on_sqlite("source"), places.on_postgresql("target")
    filled = fill(source, keys=5000)
    with HeldCommand(*arguments(source, target), folder=tmp_path, variables={}) as copying:
        copying.hold_at(r"api_keys: 4000\b")
        copying.kill()
    execute(source, "UPDATE api_keys SET revoked_at = 1, ended_at = 1 WHERE name = 'many 17'")
    arrived = content(target)
    run = run_wayvo(*arguments(source, target), folder=tmp_path)
    assert run.returncode == 6
    assert "the source has changed since. Empty the target" in run.stderr
    assert content(target) == arrived
    execute(target, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    assert run_wayvo(*arguments(source, target), folder=tmp_path).returncode == 0
    assert content(target) == content(source)
    with served(target) as server:
        filled.confirm(server.client(filled.operator))


def test_a_complete_copy_is_not_made_again(places: Places, tmp_path: Path) -> None:
    source, target = places.on_sqlite("source"), places.on_postgresql("target")
    fill(source)
    assert run_wayvo(*arguments(source, target), folder=tmp_path).returncode == 0
    again = run_wayvo(*arguments(source, target), folder=tmp_path)
    assert again.returncode == 6
    assert "holds an installation already: a copy that is complete, or another one" in again.stderr
    assert content(target) == content(source)


def test_a_source_that_is_not_there_is_told_and_nothing_is_made(places: Places, tmp_path: Path) -> None:
    target = places.on_sqlite("target")
    run = run_wayvo("copy", "--from", "sqlite:///nowhere/wayvo.db", "--to", target.url, folder=tmp_path)
    assert (run.returncode, run.stderr) == (5, "Error: There is no database at nowhere/wayvo.db.\n")
    assert list(tmp_path.iterdir()) == []


def test_a_source_without_an_installation_is_told_and_nothing_is_made(places: Places, tmp_path: Path) -> None:
    source, target = places.on_postgresql("source"), places.on_postgresql("target")
    migrate_place(source)
    run = run_wayvo(*arguments(source, target), folder=tmp_path)
    assert (run.returncode, run.stderr) == (6, "Error: The source holds no installation: there is nothing to copy.\n")
    assert tables_of(target) == {}


def test_a_database_is_not_copied_to_itself(places: Places, tmp_path: Path) -> None:
    source = places.on_sqlite("source")
    fill(source)
    before = content(source)
    run = run_wayvo(*arguments(source, source), folder=tmp_path)
    assert (run.returncode, run.stderr) == (2, "Error: --from and --to are one database.\n")
    assert content(source) == before


@pytest.mark.parametrize(
    ("url", "code"),
    [
        (f"postgresql://wayvo:{PASSWORD}@127.0.0.1:1/wayvo", 8),
        (f"postgresql://wayvo:pass:{PASSWORD}/rest@127.0.0.1:1/wayvo", 8),
        (f"postgresql://wayvo:pass@127.0.0.1:{PASSWORD}/wayvo", 2),
        (f"postgresql://127.0.0.1:1/wayvo?password={PASSWORD}", 8),
        (f"mysql://wayvo:{PASSWORD}@127.0.0.1/wayvo", 2),
    ],
)
def test_no_message_shows_the_password_of_a_url(places: Places, tmp_path: Path, url: str, code: int) -> None:
    source = places.on_sqlite("source")
    fill(source)
    for pair in ((source.url, url), (url, places.on_sqlite("target").url)):
        run = run_wayvo("copy", "--from", pair[0], "--to", pair[1], folder=tmp_path)
        assert (run.returncode, run.stdout) == (code, ""), run.stderr
        assert run.stderr.startswith("Error: ")
        assert PASSWORD not in run.stderr
