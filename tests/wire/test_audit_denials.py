"""Denied attempts at the management API are in the audit trail, counted."""

from pathlib import Path
from typing import Any

from tests.harness.neighbour import move_in
from tests.harness.server import RunningServer


def denied(server: RunningServer, key: str) -> list[dict[str, Any]]:
    """Return what the trail says, the newest first."""
    answer = server.client(key).get("/v1/audit-events", params={"action": "access.denied"})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def test_attempts_are_one_event_for_each_credential_operation_and_code(tmp_path: Path) -> None:
    with RunningServer(tmp_path) as server:
        operator, founded = server.key, server.founded
        assert founded is not None
        key = server.create_key(scopes=["api-keys:write"])
        client = server.client(key["api_key"])
        asked = server.clock.at(0)
        for _ in range(3):
            assert client.post("/v1/projects", json={"name": "Mine"}).json()["code"] == "insufficient_scope"
            server.clock.turn(1)
        more = {"name": "More", "scopes": ["projects:write"]}
        last = client.post("/v1/api-keys", json=more)
        assert last.json()["code"] == "access_not_held"
        # Neither who is nobody nor who asks for what is not there has been denied anything.
        assert server.client(None).get("/v1/projects").status_code == 401
        assert server.client().get("/v1/projects/prj_0").status_code == 404
        clock = server.clock
    with RunningServer(tmp_path, clock) as server:
        events = {event["target"]["id"]: event for event in denied(server, operator)}
    assert events.keys() == {"createProject", "createApiKey"}
    repeated, single = events["createProject"], events["createApiKey"]
    assert repeated["after"] == {
        "code": "insufficient_scope",
        "count": 3,
        "first_at": asked,
        "last_at": clock.at(-1),
    }
    assert single["after"]["code"] == "access_not_held"
    assert single["request_id"] == last.headers["X-Request-Id"]
    for event in events.values():
        assert event["target"]["type"] == "operation"
        assert event["credential_id"] == key["id"]
        assert event["actor"] == {"type": "service_account", "id": founded.project.id}
        assert (event["address"], event["before"]) == ("127.0.0.1", None)


def test_an_attempt_is_in_its_own_organizations_trail(tmp_path: Path) -> None:
    with RunningServer(tmp_path) as server:
        operator = server.key
        theirs = move_in(server)
        made = server.client(theirs.secret).post("/v1/api-keys", json={"name": "Less", "scopes": ["users:read"]})
        assert server.client(made.json()["api_key"]).get("/v1/projects").status_code == 403
        clock = server.clock
    with RunningServer(tmp_path, clock) as server:
        (event,) = denied(server, theirs.secret)
        assert event["organization_id"] == theirs.organization_id
        assert denied(server, operator) == []
