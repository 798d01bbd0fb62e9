"""``/v1/projects``."""

import re

import httpx
import pytest

from tests.harness.neighbour import move_in
from tests.harness.rows import stored_rows
from tests.harness.server import Client, RunningServer


def problem(response: httpx.Response) -> tuple[int, str]:
    """Return a refusal's status and code."""
    return response.status_code, response.json()["code"]


def test_a_project_is_made_and_shown_the_same_from_then_on(shared_server: RunningServer, client: Client) -> None:
    made = client.post("/v1/projects", json={"name": "Билинг 💳", "description": "All\nof it"})
    assert made.status_code == 201
    founded = shared_server.founded
    assert founded is not None
    assert made.json() == {
        "id": made.json()["id"],
        "organization_id": founded.organization.id,
        "name": "Билинг 💳",
        "description": "All\nof it",
        "status": "active",
        "created_at": shared_server.clock.at(0),
        "archived_at": None,
    }
    assert re.fullmatch(r"prj_[0-9a-v]{26}", made.json()["id"])
    assert client.get(f"/v1/projects/{made.json()['id']}").json() == made.json()


def test_two_projects_may_have_one_name(client: Client) -> None:
    made = [client.post("/v1/projects", json={"name": "Twin"}).json() for _ in range(2)]
    assert made[0]["id"] != made[1]["id"]


@pytest.mark.parametrize("change", [{"name": "B"}, {"description": "C"}, {"name": "B", "description": ""}, {}])
def test_a_change_changes_what_it_names_and_nothing_else(client: Client, change: dict[str, str]) -> None:
    made = client.post("/v1/projects", json={"name": "A", "description": "a"}).json()
    changed = client.patch(f"/v1/projects/{made['id']}", json=change)
    assert changed.status_code == 200
    assert changed.json() == client.get(f"/v1/projects/{made['id']}").json() == made | change


def test_an_archived_project_ends_its_keys_before_the_answer_and_stays_as_it_is(server: RunningServer) -> None:
    client = server.client()
    made = client.post("/v1/projects", json={"name": "Over"}).json()
    path = f"/v1/projects/{made['id']}"
    holders = [
        server.client(server.create_key(project_id=made["id"], scopes=["users:read"])["api_key"]) for _ in range(3)
    ]
    assert [holder.get("/v1/users").status_code for holder in holders] == [200] * 3
    archived = client.post(f"{path}/archive")
    assert [problem(holder.get("/v1/users")) for holder in holders] == [(401, "revoked")] * 3
    assert (archived.status_code, archived.json()) == (
        200,
        made | {"status": "archived", "archived_at": server.clock.at(0)},
    )
    before = stored_rows(server)
    server.clock.turn(5)
    assert client.post(f"{path}/archive", json={}).json() == archived.json() == client.get(path).json()
    assert problem(client.patch(path, json={"name": "Back"})) == (409, "project_archived")
    assert problem(client.patch(path, json={})) == (409, "project_archived")
    assert stored_rows(server) == before


def test_an_archived_project_leaves_the_others_alone(server: RunningServer) -> None:
    client = server.client()
    made = client.post("/v1/projects", json={"name": "Over"}).json()
    elsewhere = server.client(server.create_key(scopes=["users:read"])["api_key"])
    client.post(f"/v1/projects/{made['id']}/archive")
    assert elsewhere.get("/v1/users").status_code == 200


def test_projects_are_listed_the_newest_first_page_by_page_archived_ones_too(server: RunningServer) -> None:
    client = server.client()
    made = []
    for number in range(5):
        server.clock.turn(1)
        made.append(client.post("/v1/projects", json={"name": f"P{number}"}).json()["id"])
    client.post(f"/v1/projects/{made[2]}/archive")
    founded = server.founded
    assert founded is not None
    expected = [*reversed(made), founded.project.id]
    assert [project["id"] for project in client.get("/v1/projects").json()["data"]] == expected
    seen: list[str] = []
    cursor: dict[str, str] = {}
    for length in (2, 2, 2):
        page = client.get("/v1/projects", params={"limit": 2, **cursor}).json()
        assert len(page["data"]) == length
        seen += [project["id"] for project in page["data"]]
        cursor = {"cursor": page["next_cursor"]}
        client.post("/v1/projects", json={"name": "Added on the way"})
        server.clock.turn(1)
    assert cursor == {"cursor": None}
    assert seen == expected


def test_what_is_no_project_of_the_organization_is_not_found(shared_server: RunningServer, client: Client) -> None:
    neighbour = move_in(shared_server)
    founded = shared_server.founded
    assert founded is not None
    before = stored_rows(shared_server)
    for other in (neighbour.project_id, founded.organization.id, founded.issued.key.id, "prj_0", "%00"):
        path = f"/v1/projects/{other}"
        answers = [client.get(path), client.patch(path, json={"name": "Mine"}), client.post(f"{path}/archive")]
        assert [problem(answer) for answer in answers] == [(404, "not_found")] * 3
    assert stored_rows(shared_server) == before
    theirs = shared_server.client(neighbour.secret).get("/v1/projects").json()["data"]
    assert [project["id"] for project in theirs] == [neighbour.project_id]


def test_a_body_that_means_something_else_archives_nothing(shared_server: RunningServer, client: Client) -> None:
    made = client.post("/v1/projects", json={"name": "Stays"}).json()
    before = stored_rows(shared_server)
    path = f"/v1/projects/{made['id']}/archive"
    assert problem(client.post(path, content=b'{"dry_run":')) == (400, "malformed_json")
    assert problem(client.post(path, json={"dry_run": True})) == (422, "invalid_field")
    assert problem(client.post(path, json=[])) == (422, "invalid_field")
    assert stored_rows(shared_server) == before
