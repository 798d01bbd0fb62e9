"""``/metrics``: its names, its bounded labels, and that it tells the truth."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.harness.proxy import eventually
from tests.harness.server import RunningServer, free_port
from wayvo.core.decision import Code
from wayvo.settings import SettingError, load

KINDS = {
    "wayvo_decisions": "counter",
    "wayvo_cache_entries": "gauge",
    "wayvo_cache_lookups": "counter",
    "wayvo_waiting_writes": "gauge",
    "wayvo_commit_seconds": "summary",
    "wayvo_committed_jobs": "counter",
    "wayvo_bus_silence_seconds": "gauge",
}
LABELS = {
    "code": {str(code) for code in Code},
    "kind": {"known", "absent"},
    "outcome": {"hit", "miss"},
}


class Metered:
    """A server and its metrics."""

    def __init__(self, folder: Path) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self.server = RunningServer(folder, WAYVO_METRICS_BIND=self.address)

    def text(self) -> str:
        response = httpx.get(f"http://{self.address}/metrics", trust_env=False)
        assert response.status_code == 200
        assert response.headers["Content-Type"].startswith("text/plain")
        return response.text

    def samples(self) -> dict[str, float]:
        """Return the value of every series."""
        lines = [line for line in self.text().splitlines() if not line.startswith("#")]
        return {series: float(value) for series, _, value in (line.rpartition(" ") for line in lines)}


@pytest.fixture(scope="module")
def metered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metered]:
    """A server with metrics."""
    made = Metered(tmp_path_factory.mktemp("server"))
    with made.server:
        yield made


def decided(code: str) -> str:
    return f'wayvo_decisions_total{{code="{code}"}}'


def test_these_metrics_are_there_and_no_others_and_each_says_what_it_is(metered: Metered) -> None:
    text = metered.text()
    assert dict(re.findall(r"^# TYPE (\S+?)(?:_total)? (\S+)$", text, re.MULTILINE)) == KINDS
    for name in KINDS:
        assert re.search(rf"^# HELP {name}(_total)? \S", text, re.MULTILINE), name


def test_labels_are_bounded_whatever_is_presented(metered: Metered) -> None:
    client = metered.server.client(None)
    series = set(metered.samples())
    key = metered.server.create_key(scopes=["users:read"])["api_key"]
    for presented in (key, "wv_live_nonsense", "ünknown".encode(), key[:-1] + "x"):
        bearer = b"Bearer " + (presented if isinstance(presented, bytes) else presented.encode())
        headers = [(b"Authorization", bearer)]
        client.get("/v1/forward-auth", params={"audience": "https://made.up"}, headers=headers)
        client.get(f"/v1/{key[:7]}", headers=headers)
    assert set(metered.samples()) == series
    for one in series:
        for label, value in re.findall(r'(\w+)="([^"]*)"', one):
            assert value in LABELS[label], one


def test_no_secret_id_or_address_is_in_it(metered: Metered) -> None:
    key = metered.server.create_key(scopes=["users:read"])
    metered.server.client(key["api_key"]).get("/v1/whoami")
    text = metered.text()
    for secret in (key["api_key"], key["id"], key["organization_id"], key["project_id"], "127.0.0.1"):
        assert secret not in text


@pytest.mark.parametrize("code", ["valid", "malformed", "unknown", "revoked", "wrong_audience", "insufficient_scope"])
def test_every_decision_of_every_door_is_counted_by_its_code(metered: Metered, code: str) -> None:
    key = metered.server.create_key(scopes=["users:read"])
    secret, query = key["api_key"], {}
    match code:
        case "malformed":
            secret = "wv_live_nonsense"
        case "unknown":
            secret = metered.server.mint()
        case "revoked":
            metered.server.client().post(f"/v1/api-keys/{key['id']}/revoke").raise_for_status()
        case "wrong_audience":
            query = {"audience": "https://elsewhere.example"}
        case "insufficient_scope":
            query = {"scopes": "projects:write"}
    nobody = metered.server.client(None)
    before = metered.samples()
    for _ in range(3):
        nobody.get("/v1/forward-auth", params=query, headers={"Authorization": f"Bearer {secret}"})
    after = metered.samples()
    assert after[decided(code)] - before[decided(code)] == 3
    others = [name for name in after if name.startswith("wayvo_decisions") and name != decided(code)]
    assert {name: after[name] - before[name] for name in others} == dict.fromkeys(others, 0)


def test_the_cache_and_what_it_is_asked_are_counted(metered: Metered) -> None:
    nobody = metered.server.client(None)

    def ask(secret: str) -> dict[str, float]:
        before = metered.samples()
        nobody.get("/v1/forward-auth", headers={"Authorization": f"Bearer {secret}"})
        after = metered.samples()
        return {name: after[name] - before[name] for name in after if name.startswith("wayvo_cache")}

    hit, miss = 'wayvo_cache_lookups_total{outcome="hit"}', 'wayvo_cache_lookups_total{outcome="miss"}'
    known, absent = 'wayvo_cache_entries{kind="known"}', 'wayvo_cache_entries{kind="absent"}'
    for secret, kind, other in (
        (metered.server.create_key(scopes=["users:read"])["api_key"], known, absent),
        (metered.server.mint(), absent, known),
    ):
        first, second = ask(secret), ask(secret)
        assert (first[kind], first[other], first[hit]) == (1, 0, 0)
        assert first[miss] >= 1
        assert second == {known: 0, absent: 0, hit: 1, miss: 0}


def test_commits_and_their_time_are_counted(metered: Metered) -> None:
    before = metered.samples()
    for _ in range(5):
        metered.server.create_key()
    after = metered.samples()
    assert after["wayvo_committed_jobs_total"] - before["wayvo_committed_jobs_total"] >= 5
    assert after["wayvo_commit_seconds_count"] - before["wayvo_commit_seconds_count"] >= 5
    assert after["wayvo_commit_seconds_sum"] > before["wayvo_commit_seconds_sum"]
    assert after["wayvo_waiting_writes"] >= 0


def test_the_silence_of_the_bus_is_short_and_starts_anew_with_every_reading(metered: Metered) -> None:
    seen = [metered.samples()["wayvo_bus_silence_seconds"]]

    def has_dropped() -> bool:
        seen.append(metered.samples()["wayvo_bus_silence_seconds"])
        return seen[-1] < seen[-2]

    eventually(has_dropped, "the outbox was read again")
    assert max(seen) < 5


def test_metrics_are_not_on_the_public_address(metered: Metered) -> None:
    assert metered.server.client().get("/metrics").status_code == 404


def test_metrics_beyond_loopback_in_clear_text_are_refused() -> None:
    with pytest.raises(SettingError, match="WAYVO_METRICS_BIND") as refused:
        load({"WAYVO_METRICS_BIND": "0.0.0.0:9100"})
    assert "loopback" in str(refused.value)
