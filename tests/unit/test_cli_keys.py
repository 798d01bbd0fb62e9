"""``wayvo keys`` against a canned server: what it sends, what it prints and where."""

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.canned_server import NEW_SECRET, CannedServer, api_key, page, problem
from tests.unit.conftest import Wayvo

KEY_ID = "key_06f5vqmv9ks7h5nmh6s8v2c1kg"
NEXT_ID = "key_06f5vqmv9ks7h5nmh6s8v2c1kh"
PROJECT_ID = "prj_06f5vqmv9ks7h5nmh6s8v2c1k1"
USER_ID = "usr_06f5vqmv9ks7h5nmh6s8v2c1k2"
KEY_PATH = f"/v1/api-keys/{KEY_ID}"


def in_utc(**distance: float) -> str:
    return (datetime.now(UTC) + timedelta(**distance)).isoformat().replace("+00:00", "Z")


def created(server: CannedServer, **changes: Any) -> None:
    server.answers("POST", "/v1/api-keys", api_key(api_key=NEW_SECRET, **changes), status=201)


# ---------------------------------------------------------------- create


def test_create_puts_the_secret_alone_on_stdout_and_the_story_on_stderr(server: CannedServer, wayvo: Wayvo) -> None:
    created(server)
    run = wayvo("keys", "create", "--name", "deploy", "--scope", "users:read")
    assert (run.exit_code, run.stdout) == (0, f"{NEW_SECRET}\n")
    assert NEW_SECRET not in run.stderr
    assert all(part in run.stderr for part in (KEY_ID, "deploy", "live", "…aB3x", "this once", "export WAYVO_API_KEY="))
    assert "users:read on urn:wayvo:management" in run.stderr


def test_create_with_json_prints_the_answer_of_the_api(server: CannedServer, wayvo: Wayvo) -> None:
    created(server, something_newer={"x": 1})
    run = wayvo("keys", "create", "--name", "deploy", "--scope", "users:read", "--json")
    assert json.loads(run.stdout) == api_key(api_key=NEW_SECRET, something_newer={"x": 1})
    assert NEW_SECRET not in run.stderr


def test_create_starts_with_a_small_preset_and_says_so(server: CannedServer, wayvo: Wayvo) -> None:
    created(server)
    run = wayvo("keys", "create", "--name", "deploy")
    assert server.asked[0].body == {"name": "deploy", "scopes": ["users:read", "projects:read"]}
    assert "users:read projects:read" in run.stderr
    assert "--no-scopes" in run.stderr


@pytest.mark.parametrize("options", [["--no-scopes"], ["--access", "https://api.example.com=orders:read"]])
def test_create_takes_the_preset_away_when_told_to_or_when_access_is_named(
    server: CannedServer, wayvo: Wayvo, options: list[str]
) -> None:
    created(server)
    run = wayvo("keys", "create", "--name", "deploy", *options)
    assert "scopes" not in server.asked[0].body
    assert "starts with" not in run.stderr


def test_create_sends_every_option(server: CannedServer, wayvo: Wayvo) -> None:
    created(server)
    wayvo(
        *("keys", "create", "--name", "deploy", "--description", "CI", "--project", PROJECT_ID, "--mode", "test"),
        *("--user", USER_ID),
        *("--scope", "users:read", "--scope", "projects:read,apis:read"),
        *("--access", "https://a.example/?v=1=orders:read,orders:write", "--access", "urn:b=*"),
        *("--access", "urn:b=c:read", "--expires-at", "2027-01-31T13:00:00+01:00"),
        *("--network", "10.0.0.0/8", "--network", "2001:db8::/32", "--metadata", "team=ops", "--metadata", "eq=a=b"),
        *("--idempotency-key", "once"),
    )
    assert server.asked[0].body == {
        "name": "deploy",
        "description": "CI",
        "project_id": PROJECT_ID,
        "user_id": USER_ID,
        "mode": "test",
        "scopes": ["users:read", "projects:read", "apis:read"],
        "access": {"https://a.example/?v=1": ["orders:read", "orders:write"], "urn:b": ["*", "c:read"]},
        "expires_at": "2027-01-31T12:00:00Z",
        "allowed_networks": ["10.0.0.0/8", "2001:db8::/32"],
        "metadata": {"team": "ops", "eq": "a=b"},
    }
    assert server.asked[0].headers["idempotency-key"] == "once"


def test_create_counts_expires_in_from_now(server: CannedServer, wayvo: Wayvo) -> None:
    created(server)
    before = datetime.now(UTC)
    wayvo("keys", "create", "--name", "deploy", "--expires-in", "30d")
    expires_at = datetime.fromisoformat(server.asked[0].body["expires_at"])
    assert before <= expires_at - timedelta(days=30) <= datetime.now(UTC)


def test_create_survives_a_lost_answer_under_a_key_of_its_own_and_never_reuses_that(
    server: CannedServer, wayvo: Wayvo
) -> None:
    busy = problem("overloaded", 503, "Too much to do.")
    server.answers("POST", "/v1/api-keys", busy, status=503, headers={"Retry-After": "0"})
    created(server)
    assert wayvo("keys", "create", "--name", "deploy").exit_code == 0
    assert wayvo("keys", "create", "--name", "deploy").exit_code == 0
    first, again, other = (asked.headers["idempotency-key"] for asked in server.asked)
    assert first == again != other


def test_a_replayed_creation_has_no_secret_to_print_and_ends_in_a_conflict_that_names_the_key(
    server: CannedServer, wayvo: Wayvo
) -> None:
    server.answers("POST", "/v1/api-keys", api_key(api_key=None, replayed=True), status=201)
    run = wayvo("keys", "create", "--name", "deploy", "--idempotency-key", "once")
    assert (run.exit_code, run.stdout) == (6, "")
    assert f"wayvo keys rotate {KEY_ID}" in run.stderr
    assert "Created" not in run.stderr
    run = wayvo("keys", "create", "--name", "deploy", "--idempotency-key", "once", "--json")
    assert (run.exit_code, json.loads(run.stdout)["replayed"]) == (0, True)


def test_a_secret_that_cannot_be_written_leaves_the_id_to_revoke(server: CannedServer, wayvo: Wayvo) -> None:
    created(server)
    command, variables = wayvo.prepared("keys", "create", "--name", "deploy")
    with Path("/dev/full").open("w") as full:
        run = subprocess.run(command, env=variables, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert run.returncode == 1
    assert f"revoke {KEY_ID}" in run.stderr
    assert "Traceback" not in run.stderr
    assert NEW_SECRET not in run.stderr


@pytest.mark.parametrize(
    "options",
    [
        ["--scope", "a:b", "--no-scopes"],
        ["--expires-in", "1d", "--expires-at", "2027-01-01T00:00:00Z"],
        ["--expires-in", "soon"],
        ["--expires-in", "1.5d"],
        ["--expires-in", "999999999w"],
        ["--expires-at", "2027-01-01"],
        ["--expires-at", "2027-01-01T00:00:00"],
        ["--expires-at", "0001-01-01T00:00:00+10:00"],
        ["--access", "users:read"],
        ["--access", "=users:read"],
        ["--access", "urn:a="],
        ["--metadata", "k"],
        ["--metadata", "=v"],
        ["--metadata", "k=1", "--metadata", "k=2"],
        ["--mode", "production"],
        ["--api-key", "x"],
        ["stray"],
    ],
)
def test_create_refuses_options_that_mean_nothing_before_it_asks_the_server(
    server: CannedServer, wayvo: Wayvo, options: list[str]
) -> None:
    run = wayvo("keys", "create", "--name", "deploy", *options)
    assert (run.exit_code, run.stdout, server.asked) == (2, "", [])


# ---------------------------------------------------------------- list and show


def test_list_sends_every_filter_and_counts_durations_from_now(server: CannedServer, wayvo: Wayvo) -> None:
    server.answers("GET", "/v1/api-keys", page())
    before = datetime.now(UTC)
    wayvo(
        *("keys", "list", "--project", PROJECT_ID, "--mode", "test", "--status", "revoked", "--text", "a b"),
        *("--user", USER_ID),
        *("--expiring-before", "30d", "--unused-since", "12h"),
    )
    query = {name: values[0] for name, values in server.asked[0].query.items()}
    ahead = datetime.fromisoformat(query.pop("expiring_before")) - timedelta(days=30)
    back = datetime.fromisoformat(query.pop("unused_since")) + timedelta(hours=12)
    assert all(before <= moment <= datetime.now(UTC) for moment in (ahead, back))
    filters = {"project_id": PROJECT_ID, "user_id": USER_ID, "mode": "test", "status": "revoked", "text": "a b"}
    assert query == filters | {"limit": "50"}


def test_list_takes_exact_times_too(server: CannedServer, wayvo: Wayvo) -> None:
    server.answers("GET", "/v1/api-keys", page())
    wayvo("keys", "list", "--expiring-before", "2027-01-01T01:00:00+01:00", "--unused-since", "2026-01-01T00:00:00Z")
    assert server.asked[0].query["expiring_before"] == ["2027-01-01T00:00:00Z"]
    assert server.asked[0].query["unused_since"] == ["2026-01-01T00:00:00Z"]


def test_list_stops_at_its_limit_and_says_that_there_is_more(server: CannedServer, wayvo: Wayvo) -> None:
    server.answers("GET", "/v1/api-keys", page(*[api_key()] * 2, next_cursor="c"))
    run = wayvo("keys", "list", "--limit", "2", "--json")
    assert len(json.loads(run.stdout)) == 2
    assert "--all" in run.stderr
    assert [asked.query["limit"] for asked in server.asked] == [["2"]]


def test_list_with_all_reads_every_page_into_one_array(server: CannedServer, wayvo: Wayvo) -> None:
    server.answers("GET", "/v1/api-keys", page(api_key(name="a"), next_cursor="c"))
    server.answers("GET", "/v1/api-keys", page(api_key(name="b", newer=1)))
    run = wayvo("keys", "list", "--all", "--json")
    assert json.loads(run.stdout) == [api_key(name="a"), api_key(name="b", newer=1)]
    assert run.stderr == ""


def test_list_without_keys_says_so_and_is_an_empty_array_for_programs(server: CannedServer, wayvo: Wayvo) -> None:
    server.answers("GET", "/v1/api-keys", page())
    run = wayvo("keys", "list")
    assert (run.exit_code, run.stdout, run.stderr) == (0, "", "No keys.\n")
    assert json.loads(wayvo("keys", "list", "--json").stdout) == []


def test_list_tells_people_times_from_now(server: CannedServer, wayvo: Wayvo) -> None:
    row = api_key(expires_at=in_utc(days=3, minutes=1), last_used_at=in_utc(hours=-5, minutes=-1))
    server.answers("GET", "/v1/api-keys", page(row))
    header, line = wayvo("keys", "list").stdout.splitlines()
    assert header.split()[:3] == ["ID", "Name", "Status"]
    assert all(text in line for text in (KEY_ID, "deploy", "active", "in 3 days", "5 hours ago", PROJECT_ID))


def test_show_tells_when_and_from_where_a_key_was_last_used(server: CannedServer, wayvo: Wayvo) -> None:
    row = api_key(
        last_used_at=in_utc(minutes=-7, seconds=-5),
        last_used_network="10.1.2.0/24",
        allowed_networks=["10.0.0.0/8"],
        metadata={"team": "ops"},
    )
    server.answers("GET", KEY_PATH, row)
    run = wayvo("keys", "show", KEY_ID)
    assert "7 minutes ago" in run.stdout
    assert "from 10.1.2.0/24" in run.stdout
    assert all(text in run.stdout for text in ("10.0.0.0/8", "team=ops", "never", "users:read on urn:wayvo:management"))


def test_show_with_json_keeps_times_exact(server: CannedServer, wayvo: Wayvo) -> None:
    row = api_key(last_used_at="2026-11-01T10:00:00.000001Z")
    server.answers("GET", KEY_PATH, row)
    assert json.loads(wayvo("keys", "show", KEY_ID, "--json").stdout) == row


def test_a_secret_in_place_of_an_id_is_refused_before_it_gets_into_a_url(server: CannedServer, wayvo: Wayvo) -> None:
    for command in ("show", "rotate", "revoke"):
        run = wayvo("keys", command, NEW_SECRET, *(["--yes"] if command == "revoke" else []))
        assert run.exit_code == 2
        assert NEW_SECRET not in run.output
    assert wayvo("keys", "list", "--text", NEW_SECRET).exit_code == 2
    assert server.asked == []


# ---------------------------------------------------------------- update


def test_update_sends_what_changes_and_nothing_else(server: CannedServer, wayvo: Wayvo) -> None:
    server.answers("PATCH", KEY_PATH, api_key(name="new"))
    run = wayvo("keys", "update", KEY_ID, "--name", "new")
    assert (run.exit_code, server.asked[0].body) == (0, {"name": "new"})
    assert "new" in run.stdout


def test_update_can_take_everything_away(server: CannedServer, wayvo: Wayvo) -> None:
    server.answers("PATCH", KEY_PATH, api_key())
    emptied = ("--no-scopes", "--no-expiry", "--any-network", "--no-metadata", "--description", "")
    wayvo("keys", "update", KEY_ID, *emptied, "--json")
    assert server.asked[0].body == {
        "description": "",
        "scopes": [],
        "expires_at": None,
        "allowed_networks": [],
        "metadata": {},
    }


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--json"],
        ["--scope", "a:b", "--no-scopes"],
        ["--expires-in", "1d", "--no-expiry"],
        ["--network", "::/0", "--any-network"],
        ["--metadata", "a=b", "--no-metadata"],
    ],
)
def test_update_refuses_to_change_nothing_or_one_thing_in_two_ways(
    server: CannedServer, wayvo: Wayvo, options: list[str]
) -> None:
    assert wayvo("keys", "update", KEY_ID, *options).exit_code == 2
    assert server.asked == []


# ---------------------------------------------------------------- rotate


def rotated(server: CannedServer, **predecessor: Any) -> dict[str, Any]:
    old = {"id": KEY_ID, "expires_at": in_utc(hours=24, minutes=1), "last_used_at": None, "last_used_network": None}
    answer = api_key(id=NEXT_ID, predecessor_id=KEY_ID, api_key=NEW_SECRET, predecessor=old | predecessor)
    server.answers("POST", f"{KEY_PATH}/rotate", answer, status=201)
    return answer


def test_rotate_puts_the_new_secret_alone_on_stdout_and_tells_who_still_uses_the_old_key(
    server: CannedServer, wayvo: Wayvo
) -> None:
    rotated(server, last_used_at=in_utc(hours=-3, minutes=-1), last_used_network="10.1.2.0/24")
    run = wayvo("keys", "rotate", KEY_ID)
    assert (run.exit_code, run.stdout) == (0, f"{NEW_SECRET}\n")
    assert NEW_SECRET not in run.stderr
    assert all(text in run.stderr for text in (NEXT_ID, KEY_ID, "in 24 hours", "3 hours ago from 10.1.2.0/24"))
    assert server.asked[0].body == {}


@pytest.mark.parametrize(("overlap", "seconds"), [("24h", 86400), ("0", 0), ("30d", 2592000), ("90s", 90)])
def test_rotate_sends_the_overlap_in_seconds(server: CannedServer, wayvo: Wayvo, overlap: str, seconds: int) -> None:
    rotated(server)
    wayvo("keys", "rotate", KEY_ID, "--overlap", overlap)
    assert server.asked[0].body == {"overlap_seconds": seconds}


def test_rotate_says_when_the_old_key_has_ended_and_was_never_used(server: CannedServer, wayvo: Wayvo) -> None:
    rotated(server, expires_at=in_utc(seconds=-1))
    run = wayvo("keys", "rotate", KEY_ID, "--overlap", "0")
    assert "The old key has ended. It was never used." in run.stderr


def test_rotate_with_json_prints_the_answer_of_the_api(server: CannedServer, wayvo: Wayvo) -> None:
    answer = rotated(server)
    assert json.loads(wayvo("keys", "rotate", KEY_ID, "--json").stdout) == answer


# ---------------------------------------------------------------- revoke


def test_revoke_with_yes_revokes_at_once_with_its_reason(server: CannedServer, wayvo: Wayvo) -> None:
    ended = api_key(status="revoked", revoked_at=in_utc(), revocation_reason="leaked")
    server.answers("POST", f"{KEY_PATH}/revoke", ended)
    run = wayvo("keys", "revoke", KEY_ID, "--reason", "leaked", "--yes")
    assert run.exit_code == 0
    assert [(asked.method, asked.path, asked.body) for asked in server.asked] == [
        ("POST", f"{KEY_PATH}/revoke", {"reason": "leaked"})
    ]
    assert all(text in run.stdout for text in ("revoked", "leaked", "just now"))


def test_revoke_without_a_terminal_wants_yes_and_asks_the_server_nothing(server: CannedServer, wayvo: Wayvo) -> None:
    run = wayvo("keys", "revoke", KEY_ID)
    assert (run.exit_code, run.stdout, server.asked) == (2, "", [])
    assert "--yes" in run.stderr
