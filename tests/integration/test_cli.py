"""Every client command, as a program of its own, against a server of its own: shapes, exit codes, pipes."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.test_imports import SERVER_LIBRARIES
from tests.harness.leaks import KEY
from tests.harness.process import SECONDS, WAYVO, ServerProcess, environment, run_wayvo
from tests.harness.server import free_port

OWN = "urn:wayvo:management"


@dataclass(frozen=True)
class Caller:
    """Somebody with the command line and a key."""

    server: ServerProcess
    key: str
    folder: Path

    def __call__(
        self, *arguments: str, code: int = 0, shows_key: bool = False, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command and see that it ends with ``code``."""
        own = {"WAYVO_URL": self.server.url, "WAYVO_API_KEY": self.key}
        run = run_wayvo(*arguments, folder=self.folder, variables=own | variables, shows_key=shows_key)
        assert run.returncode == code, run.stderr
        assert "Traceback" not in run.stderr
        if code:
            assert run.stdout == ""
            assert run.stderr
        return run

    def json(self, *arguments: str, shows_key: bool = False) -> Any:
        """Run a command with --json and return what it printed."""
        return json.loads(self(*arguments, "--json", shows_key=shows_key).stdout)

    def create(self, *arguments: str) -> Any:
        """Create a key."""
        return self.json("keys", "create", *arguments, shows_key=True)


@pytest.fixture(scope="module")
def wayvo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    folder = tmp_path_factory.mktemp("cli")
    with ServerProcess(folder) as server:
        yield Caller(server, server.found()["api_key"], folder)


# ---------------------------------------------------------------- keys


def test_a_key_is_created_used_shown_changed_rotated_and_revoked(wayvo: Caller) -> None:
    created = wayvo.create("--name", "Deploys", "--scope", "users:read,projects:read", "--description", "CI")
    assert created["id"].startswith("key_")
    assert KEY.fullmatch(created["api_key"])
    assert (created["name"], created["description"], created["mode"]) == ("Deploys", "CI", "live")
    assert created["access"] == {OWN: ["projects:read", "users:read"]}

    theirs = Caller(wayvo.server, created["api_key"], wayvo.folder)
    assert theirs.json("whoami")["credential"]["id"] == created["id"]
    assert len(theirs.json("users", "list")) == 1
    theirs("keys", "list", code=4)

    shown = wayvo.json("keys", "show", created["id"])
    assert "api_key" not in shown
    assert shown["last_four"] == created["api_key"][-4:]
    assert shown["last_used_network"] is not None

    changed = wayvo.json(
        *("keys", "update", created["id"], "--name", "Deployments", "--scope", "users:read", "--expires-in", "30d"),
        *("--network", "127.0.0.0/8", "--metadata", "team=web"),
    )
    assert (changed["name"], changed["scopes"]) == ("Deployments", ["users:read"])
    assert (changed["allowed_networks"], changed["metadata"]) == (["127.0.0.0/8"], {"team": "web"})
    ends = datetime.fromisoformat(changed["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < ends <= timedelta(days=30)
    theirs("projects", "list", code=4)

    rotated = wayvo.json("keys", "rotate", created["id"], "--overlap", "0", shows_key=True)
    assert rotated["predecessor_id"] == created["id"]
    assert rotated["scopes"] == ["users:read"]
    assert rotated["predecessor"]["last_used_at"] is not None
    theirs("whoami", code=3)
    successor = Caller(wayvo.server, rotated["api_key"], wayvo.folder)
    assert successor.json("whoami")["credential"]["id"] == rotated["id"]

    revoked = wayvo.json("keys", "revoke", rotated["id"], "--yes", "--reason", "Done with it")
    assert (revoked["status"], revoked["revocation_reason"]) == ("revoked", "Done with it")
    assert "[revoked, HTTP 401]" in successor("whoami", code=3).stderr
    assert wayvo.json("keys", "revoke", rotated["id"], "--yes")["revoked_at"] == revoked["revoked_at"]


def test_the_secret_is_alone_on_stdout_and_goes_through_a_pipe_into_the_next_command(wayvo: Caller) -> None:
    run = wayvo("keys", "create", "--name", "Piped", "--scope", "users:read", shows_key=True)
    assert KEY.fullmatch(run.stdout.removesuffix("\n"))
    assert "Piped" in run.stderr
    variables = environment({"WAYVO_URL": wayvo.server.url, "WAYVO_API_KEY": wayvo.key})
    line = f"WAYVO_API_KEY=$('{WAYVO}' keys create --name Next --scope users:read) '{WAYVO}' whoami --json | cat"
    piped = subprocess.run(
        ["sh", "-c", line], env=variables, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert json.loads(piped.stdout)["credential"]["name"] == "Next"

    created = wayvo.create("--name", "To rotate")
    rotated = wayvo("keys", "rotate", created["id"], shows_key=True)
    assert KEY.fullmatch(rotated.stdout.removesuffix("\n"))
    assert "goes on working until" in rotated.stderr


def test_a_key_starts_with_the_visible_preset_which_can_be_taken_away(wayvo: Caller) -> None:
    assert wayvo.create("--name", "Preset")["access"] == {OWN: ["projects:read", "users:read"]}
    assert wayvo.create("--name", "Bare", "--no-scopes")["access"] == {}


def test_nobody_gives_more_than_they_hold(wayvo: Caller) -> None:
    writer = Caller(wayvo.server, wayvo.create("--name", "W", "--scope", "api-keys:write")["api_key"], wayvo.folder)
    refused = writer("keys", "create", "--name", "More", "--scope", "users:read", code=4)
    assert "[access_not_held, HTTP 403]" in refused.stderr


def test_the_list_is_filtered_as_the_api_filters(wayvo: Caller) -> None:
    project = wayvo("projects", "create", "--name", "Listed").stdout.strip()
    in_project = ("--project", project)
    live = wayvo.create("--name", "Alpha one", *in_project, "--expires-in", "7d")
    test = wayvo.create("--name", "Beta two", *in_project, "--mode", "test")
    gone = wayvo.create("--name", "Gamma three", *in_project)
    wayvo("keys", "revoke", gone["id"], "--yes")

    def listed(*filters: str) -> set[str]:
        return {key["id"] for key in wayvo.json("keys", "list", *in_project, *filters)}

    assert listed() == {live["id"], test["id"], gone["id"]}
    assert listed("--mode", "test") == {test["id"]}
    assert listed("--status", "revoked") == {gone["id"]}
    assert listed("--text", "alp") == {live["id"]}
    assert listed("--expiring-before", "8d") == {live["id"]}
    assert listed("--expiring-before", "6d") == set()
    assert listed("--limit", "1") == {gone["id"]}  # the newest
    assert "There are more keys" in wayvo("keys", "list", *in_project, "--limit", "1").stderr
    table = wayvo("keys", "list", *in_project).stdout
    assert all(word in table for word in (live["id"], "Beta two", "revoked"))


def test_a_repeated_creation_says_that_its_secret_was_shown_once(wayvo: Caller) -> None:
    repeat = ("keys", "create", "--name", "Once", "--idempotency-key", "deploy-7")
    first = wayvo.json(*repeat, shows_key=True)
    again = wayvo.json(*repeat)
    assert (again["id"], again["api_key"], again["replayed"]) == (first["id"], None, True)
    assert first["id"] in wayvo(*repeat, code=6).stderr
    wayvo("keys", "create", "--name", "Other", "--idempotency-key", "deploy-7", code=6)


# ---------------------------------------------------------------- the rest


def test_whoami_tells_people_and_programs_whom_the_key_speaks_for(wayvo: Caller) -> None:
    told = wayvo.json("whoami")
    assert (told["organization"]["name"], told["project"]["name"], told["access"]) == ("Acme", "Default", {OWN: ["*"]})
    shown = wayvo("whoami").stdout
    assert all(word in shown for word in ("Acme", "Default", told["credential"]["id"], f"* on {OWN}"))


def test_users_are_listed(wayvo: Caller) -> None:
    (owner,) = wayvo.json("users", "list")
    assert (owner["email"], owner["role"]) == ("owner@acme.example", "owner")
    assert "owner@acme.example" in wayvo("users", "list").stdout


def test_a_project_is_created_listed_renamed_and_archived(wayvo: Caller) -> None:
    created = wayvo.json("projects", "create", "--name", "Shop", "--description", "Sells")
    assert (created["name"], created["description"], created["status"]) == ("Shop", "Sells", "active")
    key = wayvo.create("--name", "Of the shop", "--project", created["id"])
    assert wayvo.json("projects", "rename", created["id"], "Store")["name"] == "Store"
    assert created["id"] in wayvo("projects", "list").stdout
    assert {"Default", "Store"} <= {project["name"] for project in wayvo.json("projects", "list", "--all")}
    assert wayvo.json("projects", "archive", created["id"], "--yes")["status"] == "archived"
    Caller(wayvo.server, key["api_key"], wayvo.folder)("whoami", code=3)  # its keys ended with it
    assert "project_archived" in wayvo("keys", "create", "--name", "x", "--project", created["id"], code=6).stderr
    identifier = wayvo("projects", "create", "--name", "Alone").stdout
    assert identifier.startswith("prj_")
    assert identifier.count("\n") == 1


def test_an_api_is_registered_shown_changed_and_keys_hold_its_scopes(wayvo: Caller) -> None:
    audience = "https://orders.example.com"
    created = wayvo.json(
        *("apis", "create", "--audience", audience, "--name", "Orders"),
        *("--scope", "orders:read=See orders", "--scope", "orders:write", "--visibility", "installation"),
    )
    assert (created["audience"], created["visibility"], created["built_in"]) == (audience, "installation", False)
    assert created["scopes"][0] == {"name": "orders:read", "description": "See orders"}
    assert wayvo.json("apis", "show", created["id"]) == created
    changed = wayvo.json("apis", "update", created["id"], "--name", "All orders", "--visibility", "private")
    assert (changed["name"], changed["visibility"], changed["scopes"]) == ("All orders", "private", created["scopes"])
    assert {OWN, audience} <= {api["audience"] for api in wayvo.json("apis", "list")}
    assert "built in" in wayvo("apis", "list").stdout
    wayvo("apis", "create", "--audience", audience, "--name", "Twice", code=6)
    reader = wayvo.create("--name", "Reader", "--access", f"{audience}=orders:read")
    assert reader["access"] == {audience: ["orders:read"]}
    (own,) = [api["id"] for api in wayvo.json("apis", "list") if api["built_in"]]
    assert "built_in_api" in wayvo("apis", "update", own, "--name", "Mine", code=6).stderr


# ---------------------------------------------------------------- exit codes


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("keys", "show", "key_01k8b3v0q5f7g9h1j3k5m7n9p1"), 5, "[not_found, HTTP 404]"),
        (("projects", "rename", "prj_01k8b3v0q5f7g9h1j3k5m7n9p1", "x"), 5, "[not_found, HTTP 404]"),
        (("apis", "show", "api_01k8b3v0q5f7g9h1j3k5m7n9p1"), 5, "[not_found, HTTP 404]"),
        (("keys", "create", "--name", "x" * 101), 7, "name: "),
        (("keys", "create", "--name", "x", "--scope", "Users:Read"), 7, "[invalid_field, HTTP 422]"),
        (("keys", "create", "--name", "x", "--network", "10.0.0.0/33"), 7, "allowed_networks[0]"),
        (("keys", "create", "--name", "x", "--expires-at", "2001-01-01T00:00:00Z"), 7, "expires_at: "),
        (("apis", "create", "--audience", "no uri", "--name", "x"), 7, "audience: "),
        (("keys", "create"), 2, "Missing option '--name'"),
        (("keys", "create", "--name", "x", "--mode", "prod"), 2, "'prod'"),
        (("keys", "update", "key_1"), 2, "nothing to change"),
        (("keys", "revoke", "key_1"), 2, "--yes"),
        (("projects", "archive", "prj_1"), 2, "--yes"),
        (("keys", "rotate", "key_1", "--overlap", "soon"), 2, "30d or 12h"),
        (("nothing",), 2, "No such command"),
    ],
)
def test_a_refusal_has_its_exit_code_and_names_what_is_wrong(
    wayvo: Caller, arguments: tuple[str, ...], code: int, said: str
) -> None:
    assert said in " ".join(wayvo(*arguments, code=code).stderr.split())


def test_a_key_that_is_unknown_or_missing_and_a_server_that_is_not_there_have_their_exit_codes(wayvo: Caller) -> None:
    stranger = Caller(wayvo.server, f"{wayvo.key[:-6]}000000", wayvo.folder)
    assert "[malformed, HTTP 401]" in stranger("whoami", code=3).stderr
    assert "WAYVO_API_KEY" in wayvo("whoami", code=3, WAYVO_API_KEY="").stderr
    nowhere = f"http://127.0.0.1:{free_port()}"
    assert nowhere in wayvo("whoami", code=8, WAYVO_URL=nowhere).stderr
    assert wayvo.json("--url", wayvo.server.url, "whoami")["organization"]["name"] == "Acme"


def test_the_help_needs_no_server_and_none_of_its_libraries(wayvo: Caller) -> None:
    assert "keys" in wayvo("--help", WAYVO_API_KEY="").stdout
    statement = (
        "import contextlib, sys\nfrom wayvo.cli.main import main\nsys.argv = ['wayvo', '--help']\n"
        "with contextlib.suppress(SystemExit):\n    main()\n"
        f"print(sorted(set(sys.modules) & set({SERVER_LIBRARIES!r})))"
    )
    run = subprocess.run([sys.executable, "-c", statement], capture_output=True, text=True, check=False)
    assert run.stdout.splitlines()[-1] == "[]", run.stderr
