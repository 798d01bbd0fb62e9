"""``/v1/users``: the members of the caller's organization."""

import re

import httpx

from tests.harness.neighbour import move_in
from tests.harness.server import Client, RunningServer


def problem(response: httpx.Response) -> tuple[int, str]:
    """Return a refusal's status and code."""
    return response.status_code, response.json()["code"]


def test_the_owner_is_listed_and_shown_with_a_role(shared_server: RunningServer, client: Client) -> None:
    founded = shared_server.founded
    assert founded is not None
    owner = {
        "id": founded.owner.id,
        "email": "owner@acme.example",
        "name": "owner",
        "role": "owner",
        "role_name": "owner",
        "created_at": shared_server.clock.at(0),
    }
    assert re.fullmatch(r"usr_[0-9a-v]{26}", owner["id"])
    assert client.get("/v1/users").json() == {"data": [owner], "next_cursor": None}
    assert client.get(f"/v1/users/{owner['id']}").json() == owner


def test_nobody_sees_the_members_of_another_organization(shared_server: RunningServer, client: Client) -> None:
    neighbour = move_in(shared_server)
    founded = shared_server.founded
    assert founded is not None
    for other in (neighbour.user_id, founded.project.id, founded.organization.id, "usr_0", "%00"):
        assert problem(client.get(f"/v1/users/{other}")) == (404, "not_found")
    theirs = shared_server.client(neighbour.secret)
    assert [user["id"] for user in theirs.get("/v1/users").json()["data"]] == [neighbour.user_id]
    assert problem(theirs.get(f"/v1/users/{founded.owner.id}")) == (404, "not_found")


def test_no_password_is_shown(client: Client) -> None:
    assert "password" not in client.get("/v1/users").text
