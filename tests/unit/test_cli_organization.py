"""``wayvo whoami``, ``users``, ``projects`` and ``apis`` against a canned server."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from tests.unit.canned_server import CannedServer, page
from tests.unit.conftest import Wayvo

USER = {
    "id": "usr_06f5vqmv9ks7h5nmh6s8v2c1k2",
    "email": "ann@example.com",
    "name": "Ann",
    "role": "owner",
    "created_at": "2026-11-01T10:00:00Z",
}
PROJECT_ID = "prj_06f5vqmv9ks7h5nmh6s8v2c1k1"
PROJECT = {
    "id": PROJECT_ID,
    "organization_id": "org_06f5vqmv9ks7h5nmh6s8v2c1k0",
    "name": "Default",
    "description": "",
    "status": "active",
    "created_at": "2026-11-01T10:00:00Z",
    "archived_at": None,
}
API_ID = "api_06f5vqmv9ks7h5nmh6s8v2c1k3"
API = {
    "id": API_ID,
    "organization_id": "org_06f5vqmv9ks7h5nmh6s8v2c1k0",
    "audience": "https://api.example.com",
    "name": "Orders",
    "description": "",
    "scopes": [{"name": "orders:read", "description": "See orders."}],
    "visibility": "private",
    "built_in": False,
    "created_at": "2026-11-01T10:00:00Z",
}
WHO: dict[str, Any] = {
    "credential": {"id": "key_1", "kind": "api_key", "name": "deploy", "mode": "live", "expires_at": None},
    "principal": {"type": "service_account", "id": PROJECT_ID},
    "organization": {"id": "org_1", "name": "Acme"},
    "project": {"id": PROJECT_ID, "name": "Default"},
    "access": {"urn:wayvo:management": ["users:read"]},
    "scopes": ["users:read"],
}


def test_whoami_tells_who_the_caller_is(server: CannedServer, wayvo: Wayvo) -> None:
    server.answers("GET", "/v1/whoami", WHO)
    run = wayvo("whoami")
    assert run.exit_code == 0
    assert all(text in run.stdout for text in ("deploy (key_1)", "Acme (org_1)", "Default", "users:read", "never"))
    assert json.loads(wayvo("whoami", "--json").stdout) == WHO


def test_whoami_of_a_bound_credential_tells_the_user_and_what_is_held_where(server: CannedServer, wayvo: Wayvo) -> None:
    user = {"id": "usr_1", "email": "ann@example.com", "name": "Ann", "role": "viewer", "project_role": "developer"}
    inside = {"access": {"urn:wayvo:management": ["api-keys:write"]}, "scopes": ["api-keys:write"]}
    principal = {"type": "user", "id": "usr_1"}
    server.answers("GET", "/v1/whoami", WHO | {"principal": principal, "user": user, "in_project": inside})
    lines = [" ".join(line.split()) for line in wayvo("whoami").stdout.splitlines()]
    assert "Speaks for user usr_1" in lines
    assert "User ann@example.com, viewer, in the project developer" in lines
    assert "Access users:read on urn:wayvo:management" in lines
    assert "Access in the project api-keys:write on urn:wayvo:management" in lines


def test_whoami_of_a_credential_without_a_project_is_told_too(server: CannedServer, wayvo: Wayvo) -> None:
    server.answers("GET", "/v1/whoami", WHO | {"project": None})
    run = wayvo("whoami")
    assert run.exit_code == 0
    assert "Project" not in run.stdout


@pytest.mark.parametrize(
    ("noun", "item", "shown"),
    [
        ("users", USER, ("ann@example.com", "owner")),
        ("projects", PROJECT, (PROJECT_ID, "Default", "active")),
        ("apis", API, (API_ID, "https://api.example.com", "orders:read")),
    ],
)
def test_every_list_is_a_table_for_people_and_an_array_for_programs(
    server: CannedServer, wayvo: Wayvo, noun: str, item: dict[str, Any], shown: tuple[str, ...]
) -> None:
    server.answers("GET", f"/v1/{noun}", page(item))
    table = wayvo(noun, "list").stdout
    assert all(text in table for text in shown)
    assert json.loads(wayvo(noun, "list", "--json").stdout) == [item]


@pytest.mark.parametrize("noun", ["users", "projects", "apis"])
def test_every_list_reads_all_pages_or_says_that_there_are_more(server: CannedServer, wayvo: Wayvo, noun: str) -> None:
    item = {"users": USER, "projects": PROJECT, "apis": API}[noun]
    server.answers("GET", f"/v1/{noun}", page(item, next_cursor="c"))
    assert "--all" in wayvo(noun, "list", "--limit", "1").stderr
    server.answers("GET", f"/v1/{noun}", page(item))
    assert len(json.loads(wayvo(noun, "list", "--all", "--json").stdout)) == 2


# ---------------------------------------------------------------- projects


def test_a_new_project_puts_its_id_alone_on_stdout(server: CannedServer, wayvo: Wayvo) -> None:
    server.answers("POST", "/v1/projects", PROJECT, status=201)
    run = wayvo("projects", "create", "--name", "Default", "--description", "d", "--idempotency-key", "once")
    assert (run.exit_code, run.stdout) == (0, f"{PROJECT_ID}\n")
    assert server.asked[0].body == {"name": "Default", "description": "d"}
    assert server.asked[0].headers["idempotency-key"] == "once"
    assert json.loads(wayvo("projects", "create", "--name", "Default", "--json").stdout) == PROJECT


def test_a_project_is_renamed(server: CannedServer, wayvo: Wayvo) -> None:
    server.answers("PATCH", f"/v1/projects/{PROJECT_ID}", PROJECT | {"name": "New"})
    run = wayvo("projects", "rename", PROJECT_ID, "New")
    assert (run.exit_code, server.asked[0].body) == (0, {"name": "New"})
    assert "New" in run.stdout


def test_a_project_is_archived_with_yes_and_not_without_it_where_nobody_can_be_asked(
    server: CannedServer, wayvo: Wayvo
) -> None:
    ended = PROJECT | {"status": "archived", "archived_at": "2026-11-02T10:00:00Z"}
    server.answers("POST", f"/v1/projects/{PROJECT_ID}/archive", ended)
    assert wayvo("projects", "archive", PROJECT_ID).exit_code == 2
    assert server.asked == []
    run = wayvo("projects", "archive", PROJECT_ID, "--yes", "--json")
    assert (run.exit_code, json.loads(run.stdout)) == (0, ended)


# ---------------------------------------------------------------- APIs


def test_a_new_api_sends_every_option_and_puts_its_id_alone_on_stdout(server: CannedServer, wayvo: Wayvo) -> None:
    server.answers("POST", "/v1/apis", API, status=201)
    run = wayvo(
        *("apis", "create", "--audience", "https://api.example.com", "--name", "Orders", "--description", "d"),
        *("--scope", "orders:read=See orders = all", "--scope", "orders:write", "--visibility", "installation"),
    )
    assert (run.exit_code, run.stdout) == (0, f"{API_ID}\n")
    assert server.asked[0].body == {
        "audience": "https://api.example.com",
        "name": "Orders",
        "description": "d",
        "scopes": [
            {"name": "orders:read", "description": "See orders = all"},
            {"name": "orders:write", "description": ""},
        ],
        "visibility": "installation",
    }


def test_an_api_is_shown_with_what_its_scopes_allow(server: CannedServer, wayvo: Wayvo) -> None:
    server.answers("GET", f"/v1/apis/{API_ID}", API)
    run = wayvo("apis", "show", API_ID)
    assert all(text in run.stdout for text in ("https://api.example.com", "Orders", "orders:read", "See orders."))
    assert json.loads(wayvo("apis", "show", API_ID, "--json").stdout) == API


def test_an_update_of_an_api_sends_what_changes_and_nothing_else(server: CannedServer, wayvo: Wayvo) -> None:
    server.answers("PATCH", f"/v1/apis/{API_ID}", API)
    wayvo("apis", "update", API_ID, "--no-scopes")
    wayvo("apis", "update", API_ID, "--name", "N", "--visibility", "private", "--scope", "a:b")
    assert [asked.body for asked in server.asked] == [
        {"scopes": []},
        {"name": "N", "visibility": "private", "scopes": [{"name": "a:b", "description": ""}]},
    ]
    assert wayvo("apis", "update", API_ID).exit_code == 2


OPERATIONS: Final[list[dict[str, Any]]] = [
    {"methods": ["GET", "HEAD"], "path": "/orders/{id}", "scopes": ["orders:read"], "name": "show"},
    {"methods": ["*"], "path": "/public/**"},
]


def test_operations_are_read_from_a_file_and_sent_as_they_stand_there(
    server: CannedServer, wayvo: Wayvo, tmp_path: Path
) -> None:
    file = tmp_path / "operations.json"
    file.write_text(json.dumps(OPERATIONS), encoding="utf-8")
    server.answers("POST", "/v1/apis", API, status=201)
    server.answers("PATCH", f"/v1/apis/{API_ID}", API | {"operations": OPERATIONS})
    assert wayvo("apis", "create", "--audience", "urn:a", "--name", "A", "--operations", str(file)).exit_code == 0
    run = wayvo("apis", "update", API_ID, "--operations", str(file))
    assert [asked.body["operations"] for asked in server.asked if asked.body] == [OPERATIONS, OPERATIONS]
    assert server.asked[1].body == {"operations": OPERATIONS}
    assert all(text in run.stdout for text in ("GET HEAD /orders/{id}", "orders:read", "* /public/**"))


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "{}",
        "[{}]",
        '[{"methods": "GET", "path": "/"}]',
        '[{"path": "/"}]',
        '[{"methods": ["GET"], "path": "/", "scope": ["orders:read"]}]',
    ],
)
def test_a_file_without_operations_is_refused_before_anything_is_sent(
    server: CannedServer, wayvo: Wayvo, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "operations.json"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    run = wayvo("apis", "update", API_ID, "--operations", str(file))
    assert (run.exit_code, server.asked) == (1 if content is None else 7, [])
    assert "operations.json" in run.stderr
    assert "Traceback" not in run.stderr
