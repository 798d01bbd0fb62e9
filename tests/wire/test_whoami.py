"""``/v1/whoami``."""

from tests.harness.server import Client, RunningServer


def test_a_key_learns_whom_it_speaks_for_and_what_it_holds(shared_server: RunningServer, client: Client) -> None:
    founded = shared_server.founded
    assert founded is not None
    answer = client.get("/v1/whoami")
    assert answer.status_code == 200
    assert answer.json() == {
        "credential": {
            "id": founded.issued.key.id,
            "kind": "api_key",
            "name": "Operator",
            "mode": "live",
            "expires_at": None,
        },
        "principal": {"type": "service_account", "id": founded.project.id},
        "organization": {"id": founded.organization.id, "name": "Acme"},
        "project": {"id": founded.project.id, "name": "Default"},
        "user": None,
        "access": {"urn:wayvo:management": ["*"]},
        "scopes": ["*"],
        "in_project": None,
    }


def test_a_key_that_holds_no_access_to_wayvos_own_api_is_for_another_audience(shared_server: RunningServer) -> None:
    bare = shared_server.create_key()
    answer = shared_server.client(bare["api_key"]).get("/v1/whoami")
    assert (answer.status_code, answer.json()["code"]) == (401, "wrong_audience")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
