"""``wayvo operator-key``: the way in for who commands the machine, beside a running server, whatever was lost."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.harness.installations import Place, Places, content, fill, migrate_place, served
from tests.harness.leaks import KEY
from tests.harness.process import ServerProcess, run_wayvo
from wayvo.core.access.permissions import PERMISSIONS
from wayvo.store.engines import writing_engine

ENGINES = pytest.mark.parametrize(
    "engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))]
)


def operator_key(place: Place, folder: Path, *options: str) -> dict[str, Any]:
    run = run_wayvo("operator-key", "--json", *options, folder=folder, variables=place.variables, shows_key=True)
    assert (run.returncode, run.stderr) == (0, "")
    document: dict[str, Any] = json.loads(run.stdout)
    assert list(document) == ["id", "api_key"]
    return document


@ENGINES
def test_a_running_server_takes_the_key_at_once_and_it_may_do_everything(
    places: Places, tmp_path: Path, engine: str
) -> None:
    place = places.on(engine, "data")
    migrate_place(place)
    init = ("init", "--organization", "Acme", "--email", "a@acme.example")
    assert run_wayvo(*init, folder=tmp_path, variables=place.variables, shows_key=True).returncode == 0
    with ServerProcess(tmp_path, variables=place.variables) as server:
        made = operator_key(place, tmp_path)
        client = server.client(made["api_key"])
        whoami = client.get("/v1/whoami").json()
        assert (whoami["credential"]["id"], whoami["credential"]["name"]) == (made["id"], "Operator")
        assert whoami["access"] == {"urn:wayvo:management": ["*"]}
        assert whoami["organization"]["name"] == "Acme"
        everything = [permission.name for permission in PERMISSIONS]
        assert client.post("/v1/api-keys", json={"name": "All of it", "scopes": everything}).status_code == 201
        # It is a key like any other: listed, and ended by a revocation.
        assert made["id"] in [key["id"] for key in client.get("/v1/api-keys").json()["data"]]
        assert client.post(f"/v1/api-keys/{made['id']}/revoke", json={}).status_code == 200
        assert client.get("/v1/whoami").json()["code"] == "revoked"


def test_without_json_the_key_stands_alone_on_stdout(places: Places, tmp_path: Path) -> None:
    place = places.on_sqlite("data")
    fill(place)
    run = run_wayvo(
        "operator-key", "--name", "  Night shift ", folder=tmp_path, variables=place.variables, shows_key=True
    )
    assert run.returncode == 0
    assert KEY.fullmatch(run.stdout.removesuffix("\n"))
    assert "It is shown this once" in run.stderr
    with served(place) as server:
        assert server.client(run.stdout.strip()).get("/v1/whoami").json()["credential"]["name"] == "Night shift"


@ENGINES
def test_when_every_project_is_archived_it_opens_one(places: Places, tmp_path: Path, engine: str) -> None:
    place = places.on(engine, "data")
    filled = fill(place)
    with served(place) as server:
        client = server.client(filled.operator)
        for project in client.get("/v1/projects").json()["data"]:
            if project["status"] == "active":
                assert client.post(f"/v1/projects/{project['id']}/archive", json={}).status_code == 200
        assert client.get("/v1/whoami").status_code == 401, "now nobody holds a key that works"
        made = operator_key(place, tmp_path)
        client = server.client(made["api_key"])
        whoami = client.get("/v1/whoami").json()
        assert whoami["project"]["name"] == "Operations"
        assert client.get(f"/v1/projects/{whoami['project']['id']}").json()["status"] == "active"
        # The next one finds it open.
        again = server.client(operator_key(place, tmp_path)["api_key"]).get("/v1/whoami").json()
        assert again["project"] == whoami["project"]


def test_where_nothing_is_founded_it_says_so_and_makes_nothing(tmp_path: Path) -> None:
    run = run_wayvo("operator-key", folder=tmp_path, variables={"WAYVO_DATA_DIR": "data"})
    assert (run.returncode, run.stdout) == (5, "")
    assert run.stderr == "Error: The installation is not set up yet: run wayvo init first.\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("is_migrated", [False, True])
@ENGINES
def test_in_an_empty_database_it_says_so_too(places: Places, tmp_path: Path, engine: str, is_migrated: bool) -> None:
    place = places.on(engine, "data")
    place.folder.mkdir()
    if is_migrated:
        migrate_place(place)
    run = run_wayvo("operator-key", folder=tmp_path, variables=place.variables)
    assert (run.returncode, run.stdout) == (5, "")
    assert run.stderr == "Error: The installation is not set up yet: run wayvo init first.\n"


@ENGINES
def test_with_another_root_secret_it_makes_no_key(places: Places, tmp_path: Path, engine: str) -> None:
    place = places.on(engine, "data")
    fill(place)
    before = content(place)
    run = run_wayvo("operator-key", folder=tmp_path, variables={**place.variables, "WAYVO_SECRET_KEY": "x" * 40})
    assert (run.returncode, run.stdout) == (2, "")
    assert "Credentials are stored under the root secret" in run.stderr
    assert content(place) == before


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "two\nlines", "\udcff"])
def test_a_name_that_the_api_would_refuse_is_refused(places: Places, tmp_path: Path, name: str) -> None:
    place = places.on_sqlite("data")
    fill(place)
    before = content(place)
    run = run_wayvo("operator-key", "--name", name, folder=tmp_path, variables=place.variables)
    assert (run.returncode, run.stdout) == (2, "")
    assert "--name has 1 to 100 characters, none of them a control character." in run.stderr
    assert content(place) == before


def test_a_database_of_a_newer_version_gets_no_key(places: Places, tmp_path: Path) -> None:
    place = places.on_sqlite("data")
    fill(place)
    database = writing_engine(place.url)
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.dispose()
    before = content(place)
    run = run_wayvo("operator-key", folder=tmp_path, variables=place.variables)
    assert (run.returncode, "schema 9999, which this version" in run.stderr) == (2, True)
    assert content(place) == before
