"""The commands on the server's own machine, on PostgreSQL: what they say names the database, never how to get in."""

from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.harness.installations import Places, fill, fill_as_before, served, tables_of
from tests.harness.process import ServerProcess, run_wayvo
from wayvo.store.schema import head

pytestmark = pytest.mark.needs("postgresql")


def test_no_command_shows_the_password_and_each_names_the_database(places: Places, tmp_path: Path) -> None:
    place = places.on_postgresql("data")
    url = make_url(place.url)
    init = ("init", "--organization", "Acme", "--email", "a@acme.example")
    name = f"postgresql://{url.host}:{url.port}/{url.database}"
    runs = [
        run_wayvo("serve", folder=tmp_path, variables=place.variables),
        run_wayvo("migrate", folder=tmp_path, variables=place.variables),
        run_wayvo(*init, folder=tmp_path, variables=place.variables, shows_key=True),
        run_wayvo(*init, folder=tmp_path, variables=place.variables),
    ]
    assert [run.returncode for run in runs] == [2, 0, 0, 6]
    assert "has no schema yet" in runs[0].stderr
    assert runs[1].stdout == f"The database {name} has schema {head()}.\n"
    assert runs[3].stderr == f"Error: The installation in {name} is set up already.\n"
    password = url.password
    assert password
    assert not [run.args for run in runs if password in run.stdout + run.stderr]


def test_a_node_does_not_migrate_what_others_may_be_working_on(places: Places, tmp_path: Path) -> None:
    place = places.on_postgresql("data")
    run = run_wayvo("serve", folder=tmp_path, variables=place.variables)
    assert (run.returncode, "Stop the nodes, back it up, and run: wayvo migrate" in run.stderr) == (2, True)
    assert tables_of(place) == {}
    assert run_wayvo("migrate", folder=tmp_path, variables=place.variables).returncode == 0
    with ServerProcess(tmp_path, variables=place.variables) as server:
        assert server.client().get("/readyz").status_code == 200


def test_a_node_refuses_an_older_schema_and_says_how_to_go_on_and_then_every_key_works(
    places: Places, tmp_path: Path
) -> None:
    source, place = places.on_postgresql("source"), places.on_postgresql("data")
    filled = fill(source, as_at_first=True)
    fill_as_before(place, "0001", source)
    run = run_wayvo("serve", folder=tmp_path, variables=place.variables)
    assert (run.returncode, "the older schema 0001" in run.stderr, "run: wayvo migrate" in run.stderr) == (
        2,
        True,
        True,
    )
    assert run_wayvo("migrate", folder=tmp_path, variables=place.variables).returncode == 0
    with served(place) as server:
        filled.confirm(server.client(filled.operator))
