"""``POST /v1/api-keys/{id}/rotate``: a successor takes over without a gap."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import httpx
import pytest

from tests.harness.neighbour import move_in
from tests.harness.rows import stored_rows
from tests.harness.server import RunningServer
from wayvo.installation import Installation
from wayvo.jobs.last_uses import store_last_uses
from wayvo.verify.meter import Meter

DAY: Final = 86_400


def rotate(server: RunningServer, key_id: str, **body: Any) -> dict[str, Any]:
    """Rotate a key as the operator and return the answer."""
    response = server.client().post(f"/v1/api-keys/{key_id}/rotate", json=body)
    assert response.status_code == 201, response.text
    rotated: dict[str, Any] = response.json()
    return rotated


def shown(server: RunningServer, key_id: str) -> dict[str, Any]:
    """Return a key as it is shown now."""
    key: dict[str, Any] = server.client().get(f"/v1/api-keys/{key_id}").json()
    return key


def verdict(server: RunningServer, secret: str) -> str:
    """Return what becomes of a request with ``secret``: ``valid``, or the refusal's code."""
    response = server.client(secret).get("/v1/whoami")
    return "valid" if response.status_code == 200 else str(response.json()["code"])


def problem(response: httpx.Response) -> tuple[int, str]:
    """Return a refusal's status and code."""
    return response.status_code, response.json()["code"]


def test_the_successor_has_the_same_rights_and_a_secret_and_a_life_of_its_own(server: RunningServer) -> None:
    project = server.client().post("/v1/projects", json={"name": "P"}).json()["id"]
    old = server.create_key(
        name="Billing",
        description="Why",
        project_id=project,
        mode="test",
        scopes=["users:read"],
        allowed_networks=["10.0.0.0/8"],
        metadata={"team": "x"},
    )
    server.clock.turn(5)
    new = rotate(server, old["id"])
    founded = server.founded
    assert founded is not None
    inherited = (
        "organization_id",
        "project_id",
        "name",
        "description",
        "mode",
        "status",
        "principal",
        "access",
        "scopes",
        "allowed_networks",
        "metadata",
        "prefix",
        "revoked_at",
        "revocation_reason",
    )
    assert {name: new[name] for name in inherited} == {name: old[name] for name in inherited}
    assert new["id"] != old["id"]
    assert new["api_key"] != old["api_key"]
    assert new["api_key"].startswith("wv_test_")
    assert new["last_four"] == new["api_key"][-4:]
    assert (new["created_at"], new["created_by"]) == (server.clock.at(0), founded.issued.key.id)
    assert (new["predecessor_id"], new["successor_id"]) == (old["id"], None)
    after = shown(server, old["id"])
    assert (after["predecessor_id"], after["successor_id"]) == (None, new["id"])
    assert shown(server, new["id"]) == {
        name: value for name, value in new.items() if name not in {"api_key", "predecessor"}
    } | {"scopes_used": []}


def test_both_keys_work_in_the_overlap_and_the_old_one_ends_with_it_by_itself(server: RunningServer) -> None:
    old = server.create_key(scopes=["users:read"])
    assert verdict(server, old["api_key"]) == "valid"
    new = rotate(server, old["id"], overlap_seconds=60)
    assert new["predecessor"]["expires_at"] == server.clock.at(60) == shown(server, old["id"])["expires_at"]
    server.clock.turn(59.999999)
    assert (verdict(server, old["api_key"]), verdict(server, new["api_key"])) == ("valid", "valid")
    server.clock.turn(0.000001)
    assert (verdict(server, old["api_key"]), verdict(server, new["api_key"])) == ("expired", "valid")
    assert shown(server, old["id"])["status"] == "expired"


def test_without_an_overlap_the_old_key_ends_before_the_answer(server: RunningServer) -> None:
    old = server.create_key(scopes=["users:read"])
    assert verdict(server, old["api_key"]) == "valid"
    new = rotate(server, old["id"], overlap_seconds=0)
    assert new["predecessor"]["expires_at"] == server.clock.at(0)
    assert (verdict(server, old["api_key"]), verdict(server, new["api_key"])) == ("expired", "valid")


def test_the_overlap_is_a_day_unless_it_is_named(server: RunningServer) -> None:
    client = server.client()
    for body in (b"", b"{}"):
        old = server.create_key()
        response = client.post(f"/v1/api-keys/{old['id']}/rotate", content=body)
        assert response.status_code == 201
        assert response.json()["predecessor"]["expires_at"] == server.clock.at(DAY)


@pytest.mark.parametrize("overlap", [-1, 2_592_001, 0.5, "60", 1e22, None, True, 10**40])
def test_an_overlap_out_of_bounds_is_refused(shared_server: RunningServer, overlap: Any) -> None:
    old = shared_server.create_key()
    before = stored_rows(shared_server)
    response = shared_server.client().post(f"/v1/api-keys/{old['id']}/rotate", json={"overlap_seconds": overlap})
    assert problem(response) == (422, "invalid_field")
    assert [fault["field"] for fault in response.json()["errors"]] == ["overlap_seconds"]
    assert stored_rows(shared_server) == before


def test_the_longest_overlap_is_thirty_days(shared_server: RunningServer) -> None:
    new = rotate(shared_server, shared_server.create_key()["id"], overlap_seconds=2_592_000)
    assert new["predecessor"]["expires_at"] == shared_server.clock.at(30 * DAY)


def test_the_overlap_never_goes_past_the_expiry_that_the_old_key_had(server: RunningServer) -> None:
    old = server.create_key(scopes=["users:read"], expires_at=server.clock.at(100))
    new = rotate(server, old["id"], overlap_seconds=3600)
    assert new["predecessor"]["expires_at"] == old["expires_at"]
    server.clock.turn(100)
    assert verdict(server, old["api_key"]) == "expired"


def test_the_successor_lives_as_long_as_its_predecessor_was_made_to_live(server: RunningServer) -> None:
    old = server.create_key(expires_at=server.clock.at(90 * DAY))
    server.clock.turn(80 * DAY)
    new = rotate(server, old["id"])
    assert new["expires_at"] == server.clock.at(90 * DAY)
    forever = rotate(server, server.create_key()["id"])
    assert forever["expires_at"] is None


def test_the_successor_expires_when_the_request_says_so(server: RunningServer) -> None:
    for old in (server.create_key(), server.create_key(expires_at=server.clock.at(DAY))):
        new = rotate(server, old["id"], expires_at=server.clock.at(7 * DAY))
        assert new["expires_at"] == server.clock.at(7 * DAY)


@pytest.mark.parametrize("expires_in", [-1, 0, 3653 * DAY + 1])
def test_a_successor_that_would_be_dead_or_live_for_ever_is_refused(
    shared_server: RunningServer, expires_in: int
) -> None:
    old = shared_server.create_key()
    before = stored_rows(shared_server)
    body = {"expires_at": shared_server.clock.at(expires_in)}
    response = shared_server.client().post(f"/v1/api-keys/{old['id']}/rotate", json=body)
    assert problem(response) == (422, "invalid_field")
    assert [fault["field"] for fault in response.json()["errors"]] == ["expires_at"]
    assert stored_rows(shared_server) == before


def test_the_answer_says_when_and_from_where_the_old_key_was_last_used(server: RunningServer) -> None:
    unused = server.create_key()
    assert rotate(server, unused["id"])["predecessor"] == {
        "id": unused["id"],
        "expires_at": server.clock.at(DAY),
        "last_used_at": None,
        "last_used_network": None,
    }
    used = server.create_key(scopes=["users:read"])
    assert verdict(server, used["api_key"]) == "valid"
    used_at = server.clock.at(0)
    server.clock.turn(3600)
    rotated = rotate(server, used["id"])
    assert rotated["predecessor"]["last_used_at"] == used_at
    assert rotated["predecessor"]["last_used_network"] == "127.0.0.1"
    assert (rotated["last_used_at"], rotated["last_used_network"]) == (None, None)


def test_the_answer_says_so_after_the_use_was_stored_too(server: RunningServer) -> None:
    used = server.create_key()
    used_at = server.clock.at(0)
    meter = Meter()
    meter.note(used["id"], server.clock(), "192.0.2.7")

    async def step(installation: Installation) -> None:
        await store_last_uses(installation.database, meter)

    server.call(step)
    server.clock.turn(3600)
    rotated = rotate(server, used["id"])
    assert rotated["predecessor"]["last_used_at"] == used_at
    assert rotated["predecessor"]["last_used_network"] == "192.0.2.7"
    assert (rotated["last_used_at"], rotated["last_used_network"]) == (None, None)


def test_a_key_that_has_ended_or_was_rotated_before_has_no_successor(server: RunningServer) -> None:
    client = server.client()
    expired = server.create_key(expires_at=server.clock.at(10))["id"]
    revoked = server.create_key()["id"]
    rotated = server.create_key()["id"]
    server.clock.turn(10)
    client.post(f"/v1/api-keys/{revoked}/revoke")
    successor = rotate(server, rotated, overlap_seconds=60)["id"]
    before = stored_rows(server)
    for key_id, code in ((expired, "api_key_ended"), (revoked, "api_key_ended"), (rotated, "already_rotated")):
        response = client.post(f"/v1/api-keys/{key_id}/rotate")
        assert problem(response) == (409, code)
    assert stored_rows(server) == before
    assert successor in client.post(f"/v1/api-keys/{rotated}/rotate").json()["detail"]
    assert rotate(server, successor)["predecessor_id"] == successor
    server.clock.turn(60)
    assert problem(client.post(f"/v1/api-keys/{rotated}/rotate")) == (409, "api_key_ended")


def test_a_rotated_key_can_end_earlier_than_its_overlap_and_never_later(server: RunningServer) -> None:
    client = server.client()
    old = server.create_key(scopes=["users:read"])
    rotate(server, old["id"], overlap_seconds=100)
    path = f"/v1/api-keys/{old['id']}"
    before = stored_rows(server)
    for expires_at in (server.clock.at(101), None):
        assert problem(client.patch(path, json={"expires_at": expires_at})) == (409, "already_rotated")
    assert stored_rows(server) == before
    assert client.patch(path, json={"name": "Old one"}).json()["expires_at"] == server.clock.at(100)
    assert client.patch(path, json={"expires_at": server.clock.at(50)}).status_code == 200
    server.clock.turn(50)
    assert verdict(server, old["api_key"]) == "expired"


def test_a_rotated_key_can_be_revoked_and_its_successor_goes_on(server: RunningServer) -> None:
    old = server.create_key(scopes=["users:read"])
    new = rotate(server, old["id"])
    assert server.client().post(f"/v1/api-keys/{old['id']}/revoke").status_code == 200
    assert (verdict(server, old["api_key"]), verdict(server, new["api_key"])) == ("revoked", "valid")


def test_a_revoked_successor_leaves_the_old_key_its_overlap(server: RunningServer) -> None:
    old = server.create_key(scopes=["users:read"])
    new = rotate(server, old["id"], overlap_seconds=60)
    server.client().post(f"/v1/api-keys/{new['id']}/revoke")
    assert (verdict(server, old["api_key"]), verdict(server, new["api_key"])) == ("valid", "revoked")


def test_a_key_of_an_archived_project_has_no_successor(server: RunningServer) -> None:
    client = server.client()
    project = client.post("/v1/projects", json={"name": "P"}).json()["id"]
    old = server.create_key(project_id=project)
    client.post(f"/v1/projects/{project}/archive")
    before = stored_rows(server)
    assert problem(client.post(f"/v1/api-keys/{old['id']}/rotate")) == (409, "project_archived")
    assert stored_rows(server) == before


def test_a_key_can_rotate_itself(server: RunningServer) -> None:
    me = server.create_key(scopes=["api-keys:write"])
    response = server.client(me["api_key"]).post(f"/v1/api-keys/{me['id']}/rotate", json={"overlap_seconds": 0})
    assert response.status_code == 201
    assert verdict(server, me["api_key"]) == "expired"
    assert verdict(server, response.json()["api_key"]) == "valid"
    assert response.json()["created_by"] == me["id"]


def test_another_organization_rotates_nothing_of_ours(server: RunningServer) -> None:
    old = server.create_key()
    neighbour = server.client(move_in(server).secret)
    before = stored_rows(server)
    assert problem(neighbour.post(f"/v1/api-keys/{old['id']}/rotate")) == (404, "not_found")
    assert stored_rows(server) == before


def test_of_many_rotations_at_once_exactly_one_happens(server: RunningServer) -> None:
    old = server.create_key()
    clients = [server.client() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda client: client.post(f"/v1/api-keys/{old['id']}/rotate"), clients))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    keys = server.client().get("/v1/api-keys", params={"limit": 100}).json()["data"]
    assert len([key for key in keys if key["predecessor_id"] == old["id"]]) == 1
