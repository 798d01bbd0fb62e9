"""``wayvo org`` and ``wayvo user``: for whoever commands the server's own machine, beside a running server."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.harness.installations import Places, content, fill, migrate_place
from tests.harness.leaks import KEY
from tests.harness.people import PASSWORD, join
from tests.harness.process import ServerProcess, run_wayvo

ENGINES = pytest.mark.parametrize(
    "engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))]
)


@ENGINES
def test_a_running_server_knows_an_organization_at_once_and_disables_it_when_told(
    places: Places, tmp_path: Path, engine: str
) -> None:
    place = places.on(engine, "data")
    migrate_place(place)

    def wayvo(*command: str, stdin: str = "") -> Any:
        run = run_wayvo(*command, "--json", folder=tmp_path, variables=place.variables, shows_key=True, stdin=stdin)
        assert run.returncode == 0, run.stderr
        return json.loads(run.stdout)

    operator = wayvo("init", "--organization", "Acme", "--email", "a@acme.example")["api_key"]
    with ServerProcess(tmp_path, variables=place.variables) as server:
        made = wayvo("org", "create", "--name", "Umbrella", "--owner-email", "O@umbrella.example", "--key")
        client, theirs = server.client(operator), server.client(made["api_key"])
        whoami = theirs.get("/v1/whoami").json()
        assert whoami["organization"] == {"id": made["organization_id"], "name": "Umbrella"}
        assert whoami["access"] == {"urn:wayvo:management": ["*"]}
        accepted = client.post("/v1/invitations/accept", json={"token": made["invitation_url"]}).json()
        assert (accepted["user"]["email"], accepted["user"]["role"]) == ("o@umbrella.example", "owner")
        listed = wayvo("org", "list")
        assert [(one["name"], one["is_operator"]) for one in listed] == [("Umbrella", False), ("Acme", True)]
        disabled = wayvo("org", "disable", made["organization_id"])
        assert disabled["status"] == "disabled"
        assert client.get(f"/v1/organizations/{made['organization_id']}").json() == disabled
        assert wayvo("org", "enable", made["organization_id"])["status"] == "active"
        reset = wayvo("user", "reset-password", "o@Umbrella.example", "--password-stdin", stdin=f"{PASSWORD}\n")
        assert reset == {"user_id": accepted["user"]["id"]}
        # It counts: who is invited elsewhere proves it with this password.
        assert join(client, "viewer", "o@umbrella.example", password=PASSWORD)["id"] == reset["user_id"]
        made_up = wayvo("user", "reset-password", "a@acme.example", "--generate")
        assert len(made_up["password"]) >= 20


def test_without_json_what_is_to_be_kept_stands_alone_on_stdout(places: Places, tmp_path: Path) -> None:
    place = places.on_sqlite("data")
    fill(place)
    create = ("org", "create", "--name", "Umbrella", "--owner-email", "o@umbrella.example", "--key")
    run = run_wayvo(*create, folder=tmp_path, variables=place.variables, shows_key=True)
    link, key = run.stdout.splitlines()
    assert link.startswith("http://127.0.0.1:8000/invitations/accept#wv_inv_")
    assert KEY.fullmatch(key)
    listed = run_wayvo("org", "list", folder=tmp_path, variables=place.variables)
    assert "Umbrella" in listed.stdout


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        (("org", "disable", "org_0"), 5, "There is no such organization."),
        (("org", "create", "--name", " ", "--owner-email", "a@b.example"), 2, "--name has 1 to 100 characters"),
        (("org", "create", "--name", "n", "--owner-email", "nobody"), 2, "--owner-email is not an address"),
        (("user", "reset-password", "nobody@acme.example", "--generate"), 5, "There is no user"),
        (("user", "reset-password", "nobody@acme.example"), 2, "There is no terminal to ask on"),
        (("user", "reset-password", "a@b.example", "--generate", "--password-stdin"), 2, "exclude each other"),
    ],
)
def test_what_can_not_be_done_is_said_and_changes_nothing(
    places: Places, tmp_path: Path, command: tuple[str, ...], code: int, says: str
) -> None:
    place = places.on_sqlite("data")
    fill(place)
    before = content(place)
    run = run_wayvo(*command, folder=tmp_path, variables=place.variables)
    assert (run.returncode, run.stdout) == (code, "")
    assert says in run.stderr
    assert "Traceback" not in run.stderr
    assert content(place) == before


def test_where_nothing_is_founded_it_says_so_and_makes_nothing(tmp_path: Path) -> None:
    run = run_wayvo("org", "list", folder=tmp_path, variables={"WAYVO_DATA_DIR": "data"})
    assert (run.returncode, run.stdout) == (5, "")
    assert run.stderr == "Error: The installation is not set up yet: run wayvo init first.\n"
    assert list(tmp_path.iterdir()) == []
