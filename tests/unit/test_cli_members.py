"""``wayvo users``, ``roles``, ``invitations`` and ``projects members``: what is sent, and what is printed."""

import json
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from tests.unit.canned_server import CannedServer, page, problem
from tests.unit.conftest import Wayvo
from wayvo.cli import passwords as of_the_command_line
from wayvo.cli.main import app
from wayvo.services import passwords as of_the_server

USER_ID: Final = "usr_06fsbc4rvpv0jp9c7h5l3n1t8f"
ROLE_ID: Final = "rol_06fsbc4rvpv0mq2d4f6h8j0l2n"
PROJECT_ID: Final = "prj_06fsbc4rvpv0f2h6r8s3u1c9k0"
INVITATION_ID: Final = "inv_06fsbc4rvpv0np3e5g7i9k1m3o"
MADE: Final = "2026-11-24T12:00:00Z"
LINK: Final = "https://keys.example.com/invitations/accept#TOKEN"
USER: Final[dict[str, Any]] = {
    "id": USER_ID,
    "email": "ann@example.com",
    "name": "Ann",
    "role": ROLE_ID,
    "role_name": "Support",
    "created_at": MADE,
}
ROLE: Final[dict[str, Any]] = {
    "id": ROLE_ID,
    "name": "Support",
    "description": "d",
    "built_in": False,
    "permissions": ["api-keys:read", "users:read"],
    "access": {"https://api.example.com": ["orders:read"]},
    "created_at": MADE,
}
INVITATION: Final[dict[str, Any]] = {
    "id": INVITATION_ID,
    "email": "ann@example.com",
    "role": "viewer",
    "status": "open",
    "created_at": MADE,
    "expires_at": "2026-12-01T12:00:00Z",
}


def test_an_invitation_is_made_and_its_link_stands_alone_on_stdout(server: CannedServer, wayvo: Wayvo) -> None:
    server.answers("POST", "/v1/invitations", INVITATION | {"token": "TOKEN", "url": LINK}, status=201)
    run = wayvo("users", "invite", "ann@example.com", "--role", "viewer")
    assert (run.exit_code, run.stdout) == (0, f"{LINK}\n")
    assert server.asked[0].body == {"email": "ann@example.com", "role": "viewer"}
    assert server.asked[0].headers["idempotency-key"]


def test_a_repeated_invitation_has_no_link_to_show(server: CannedServer, wayvo: Wayvo) -> None:
    answer = INVITATION | {"token": None, "url": None, "replayed": True}
    server.answers("POST", "/v1/invitations", answer, status=201)
    run = wayvo("users", "invite", "ann@example.com", "--role", "viewer", "--idempotency-key", "k")
    assert (run.exit_code, run.stdout) == (6, "")


def test_a_member_is_given_a_role_and_removed_when_that_is_confirmed(server: CannedServer, wayvo: Wayvo) -> None:
    server.answers("PATCH", f"/v1/users/{USER_ID}", USER)
    server.answers("DELETE", f"/v1/users/{USER_ID}", USER)
    run = wayvo("users", "set-role", USER_ID, ROLE_ID)
    assert (run.exit_code, "Support" in run.stderr) == (0, True)
    assert server.asked[0].body == {"role": ROLE_ID}
    assert wayvo("users", "remove", USER_ID).exit_code == 2, "there is no terminal to ask on"
    assert len(server.asked) == 1
    run = wayvo("users", "remove", USER_ID, "--yes", "--json")
    assert json.loads(run.stdout) == USER


def test_a_refusal_is_told(server: CannedServer, wayvo: Wayvo) -> None:
    server.answers("DELETE", f"/v1/users/{USER_ID}", problem("last_owner", 409, "The last."), status=409)
    run = wayvo("users", "remove", USER_ID, "--yes")
    assert (run.exit_code, "The last. [last_owner, HTTP 409]" in run.stderr) == (6, True)


def test_a_role_is_made_of_what_is_named(server: CannedServer, wayvo: Wayvo) -> None:
    server.answers("POST", "/v1/roles", ROLE, status=201)
    access = "https://api.example.com=orders:read"
    run = wayvo("roles", "create", "--name", "S", "--permission", "a:read,b:read", "--access", access)
    assert (run.exit_code, run.stdout) == (0, f"{ROLE_ID}\n")
    assert server.asked[0].body == {
        "name": "S",
        "permissions": ["a:read", "b:read"],
        "access": {"https://api.example.com": ["orders:read"]},
    }


def test_an_update_of_a_role_sends_what_changes_and_nothing_else(server: CannedServer, wayvo: Wayvo) -> None:
    server.answers("PATCH", f"/v1/roles/{ROLE_ID}", ROLE)
    wayvo("roles", "update", ROLE_ID, "--no-permissions", "--no-access")
    wayvo("roles", "update", ROLE_ID, "--name", "N", "--permission", "a:read")
    assert [asked.body for asked in server.asked] == [
        {"permissions": [], "access": {}},
        {"name": "N", "permissions": ["a:read"]},
    ]
    assert wayvo("roles", "update", ROLE_ID).exit_code == 2
    assert wayvo("roles", "update", ROLE_ID, "--permission", "a:b", "--no-permissions").exit_code == 2


def test_roles_are_listed_shown_and_deleted(server: CannedServer, wayvo: Wayvo) -> None:
    owner = {"id": "owner", "name": "owner", "built_in": True, "permissions": ["*"], "created_at": None}
    server.answers("GET", "/v1/roles", page(owner, ROLE))
    server.answers("GET", "/v1/roles/owner", owner)
    server.answers("GET", f"/v1/roles/{ROLE_ID}", ROLE)
    server.answers("DELETE", f"/v1/roles/{ROLE_ID}", ROLE)
    assert "api-keys:read users:read" in wayvo("roles", "list").stdout
    assert "built in" in wayvo("roles", "show", "owner").stdout
    shown = wayvo("roles", "show", ROLE_ID).stdout
    assert all(text in shown for text in ("Support", "https://api.example.com", "orders:read"))
    assert wayvo("roles", "delete", ROLE_ID, "--yes").exit_code == 0
    assert wayvo("roles", "show", "../users").exit_code == 2


def test_invitations_are_listed_and_withdrawn(server: CannedServer, wayvo: Wayvo) -> None:
    server.answers("GET", "/v1/invitations", page(INVITATION))
    server.answers("DELETE", f"/v1/invitations/{INVITATION_ID}", INVITATION | {"status": "withdrawn"})
    assert "ann@example.com" in wayvo("invitations", "list").stdout
    assert "withdrawn" in wayvo("invitations", "withdraw", INVITATION_ID).stderr


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        (f"{LINK}\ncorrect horse battery\n", {"token": "TOKEN", "password": "correct horse battery", "name": "Ann"}),
        ("TOKEN\n\n", {"token": "TOKEN", "name": "Ann"}),
        ("TOKEN", {"token": "TOKEN", "name": "Ann"}),
    ],
)
def test_an_invitation_is_accepted_from_stdin_and_no_key_is_sent(
    server: CannedServer, wayvo: Wayvo, typed: str, sent: dict[str, str]
) -> None:
    membership = {"organization": {"id": "org_1", "name": "Acme"}, "user": USER}
    server.answers("POST", "/v1/invitations/accept", membership)
    command = ["invitations", "accept", "--name", "Ann"]
    run = CliRunner(env=wayvo.environment).invoke(app, command, input=typed, catch_exceptions=False)
    assert (run.exit_code, run.stdout) == (0, "")
    assert "ann@example.com is a member of Acme: Support." in run.stderr
    assert server.asked[0].body == sent
    assert "authorization" not in server.asked[0].headers


@pytest.mark.parametrize("typed", ["", "\n", f"{LINK}\nshort\n"])
def test_without_a_link_or_with_a_password_that_is_none_nothing_is_sent(
    server: CannedServer, wayvo: Wayvo, typed: str
) -> None:
    run = CliRunner(env=wayvo.environment).invoke(app, ["invitations", "accept"], input=typed, catch_exceptions=False)
    assert (run.exit_code, server.asked) == (2, [])
    assert "short" not in run.output


def test_members_of_a_project_are_listed_set_and_removed(server: CannedServer, wayvo: Wayvo) -> None:
    member = {"project_id": PROJECT_ID, "user_id": USER_ID} | {
        name: USER[name] for name in ("email", "name", "role", "role_name", "created_at")
    }
    path = f"/v1/projects/{PROJECT_ID}/members"
    server.answers("GET", path, page(member))
    server.answers("PUT", f"{path}/{USER_ID}", member)
    server.answers("DELETE", f"{path}/{USER_ID}", member)
    assert "Support" in wayvo("projects", "members", "list", PROJECT_ID).stdout
    assert wayvo("projects", "members", "set", PROJECT_ID, USER_ID, ROLE_ID).exit_code == 0
    assert server.asked[-1].body == {"role": ROLE_ID}
    run = wayvo("projects", "members", "remove", PROJECT_ID, USER_ID, "--json")
    assert json.loads(run.stdout) == member


def test_the_command_line_and_the_server_agree_on_what_a_password_is() -> None:
    assert of_the_command_line.MIN_LENGTH == of_the_server.MIN_LENGTH
    assert of_the_command_line.MAX_LENGTH == of_the_server.MAX_LENGTH
