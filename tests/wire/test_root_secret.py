"""The root secret and the brand can be changed: keys stay what they are, and a wrong secret is refused at the start."""

from pathlib import Path

import pytest

from tests.harness.server import RunningServer
from wayvo.services.root_secret import WrongSecret
from wayvo.store.data_folder import DataFolderError

FIRST, SECOND = "the first root secret of these tests", "the second root secret of these tests"


def running(folder: Path, secret: str | None = None, retired: str = "") -> RunningServer:
    given = {} if secret is None else {"WAYVO_SECRET_KEY": secret}
    return RunningServer(folder, None, **given, WAYVO_RETIRED_SECRET_KEYS=retired)


def whoami(server: RunningServer, key: str) -> int:
    return server.client(key).get("/v1/whoami").status_code


def test_keys_move_to_a_new_root_secret_as_they_are_used_and_then_need_the_old_one_no_longer(tmp_path: Path) -> None:
    with running(tmp_path, FIRST) as server:
        operator = server.key
        other = server.create_key(scopes=["users:read"])["api_key"]

    with running(tmp_path, SECOND, retired=FIRST) as server:
        assert whoami(server, operator) == 200
        later = server.client(operator).post("/v1/api-keys", json={"name": "n", "scopes": ["users:read"]}).json()

    with pytest.raises(WrongSecret, match="WAYVO_RETIRED_SECRET_KEYS"), running(tmp_path, SECOND):
        pass

    with running(tmp_path, SECOND, retired=FIRST) as server:
        assert whoami(server, other) == 200

    with running(tmp_path, SECOND) as server:
        assert [whoami(server, key) for key in (operator, other, later["api_key"])] == [200, 200, 200]


def test_a_key_that_was_revoked_under_the_retired_secret_stays_revoked(tmp_path: Path) -> None:
    with running(tmp_path, FIRST) as server:
        operator, key = server.key, server.create_key(scopes=["users:read"])
    with running(tmp_path, SECOND, retired=FIRST) as server:
        client = server.client(operator)
        client.post(f"/v1/api-keys/{key['id']}/revoke").raise_for_status()
        answer = server.client(key["api_key"]).get("/v1/whoami")
        assert (answer.status_code, answer.json()["code"]) == (401, "revoked")


def test_a_key_under_the_retired_secret_is_revoked_in_the_next_answer(tmp_path: Path) -> None:
    with running(tmp_path, FIRST) as server:
        operator, key = server.key, server.create_key(scopes=["users:read"])
    with running(tmp_path, SECOND, retired=FIRST) as server:
        assert whoami(server, key["api_key"]) == 200
        server.client(operator).post(f"/v1/api-keys/{key['id']}/revoke").raise_for_status()
        assert whoami(server, key["api_key"]) == 401


@pytest.mark.parametrize("given", [SECOND, FIRST + "!", None])
def test_another_root_secret_is_refused_at_the_start_and_nothing_is_lost(tmp_path: Path, given: str | None) -> None:
    with running(tmp_path, FIRST) as server:
        operator = server.key
    with (
        pytest.raises((WrongSecret, DataFolderError), match=r"WAYVO_SECRET_KEY|secret\.key") as refusal,
        running(tmp_path, given),
    ):
        pass
    assert FIRST not in str(refusal.value)
    assert SECOND not in str(refusal.value)
    with running(tmp_path, FIRST) as server:
        assert whoami(server, operator) == 200


def test_another_brand_makes_new_keys_of_its_own_and_keeps_the_old_ones_working(tmp_path: Path) -> None:
    with RunningServer(tmp_path) as server:
        operator = server.key
    assert operator.startswith("wv_live_")
    with RunningServer(tmp_path, WAYVO_KEY_PREFIX="acme") as server:
        created = server.client(operator).post("/v1/api-keys", json={"name": "n", "scopes": ["users:read"]}).json()
        assert created["api_key"].startswith("acme_live_")
        assert created["prefix"] == "acme_live"
        rotated = server.client(operator).post(f"/v1/api-keys/{created['id']}/rotate", json={}).json()["api_key"]
        keys = [operator, created["api_key"], rotated]
        assert [whoami(server, key) for key in keys] == [200, 200, 200]
    with RunningServer(tmp_path, WAYVO_KEY_PREFIX="other") as server:
        assert [whoami(server, key) for key in keys] == [200, 200, 200]
