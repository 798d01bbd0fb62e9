"""The guides' examples, pasted into a shell and a Python as they stand."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.project import ROOT
from tests.harness.server import RunningServer

AUDIENCE = "https://orders.example.com"
FENCE = re.compile(r"^( *)```(sh|python)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
# A refused request makes the shell fail; curl alone would only print it.
STRICT = 'set -eu\ncurl() { command curl --fail-with-body --silent --show-error --max-time 20 "$@"; }\n'


def examples(page: str, language: str) -> list[str]:
    found = FENCE.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))
    return [re.sub(rf"^{indent}", "", code, flags=re.MULTILINE) for indent, kind, code in found if kind == language]


def register_orders(server: RunningServer) -> None:
    scopes = [{"name": "orders:read"}, {"name": "orders:write"}]
    body = {"audience": AUDIENCE, "name": "Orders", "scopes": scopes}
    assert server.client().post("/v1/apis", json=body).status_code in (201, 409)


def environment(server: RunningServer, folder: Path, **more: str) -> dict[str, str]:
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "WAYVO_URL": server.url,
        "WAYVO_API_KEY": server.key,
        "USER_ID": server.client().get("/v1/users").json()["data"][0]["id"],
        "API_KEY_ID": server.create_key(name="An old one")["id"],
        **more,
    }


def key_for_orders(server: RunningServer, *scopes: str, **fields: Any) -> str:
    secret: str = server.create_key(access={AUDIENCE: scopes}, **fields)["api_key"]
    return secret


@pytest.mark.parametrize("number", range(len(examples("api-keys.md", "sh"))))
def test_an_example_of_the_guide_to_keys_works_as_pasted(
    number: int, shared_server: RunningServer, tmp_path: Path
) -> None:
    code = examples("api-keys.md", "sh")[number]
    surroundings = environment(shared_server, tmp_path)
    subprocess.run(["sh", "-c", STRICT + code], cwd=tmp_path, env=surroundings, capture_output=True, check=True)


def test_the_guide_to_importing_keys_works_from_the_first_step_to_the_last(
    server: RunningServer, tmp_path: Path
) -> None:
    surroundings = environment(server, tmp_path)
    said = []
    for code in examples("import-keys.md", "sh"):
        run = subprocess.run(
            ["sh", "-c", STRICT + code], cwd=tmp_path, env=surroundings, capture_output=True, text=True, check=True
        )
        said.append(run.stdout)
    digest, _, dry, done, whoami = said
    key = "sk_live_0a1B2c3D4e5F6g7H8i9J0k1L"
    assert digest.strip() == hashlib.sha256(key.encode()).hexdigest()
    assert re.search(r"Would be created +2", dry)
    assert re.search(r"Created +2", done)
    assert json.loads(whoami)["credential"]["name"] == "Customer 17"


def test_the_guide_to_protecting_an_api_works_from_the_first_step_to_the_last(
    server: RunningServer, tmp_path: Path
) -> None:
    register, declare, verifier, client_key, ask = examples("protect-your-api.md", "sh")
    answers = []
    secrets: dict[str, str] = {}
    for code in (register, declare, verifier, client_key, ask):
        surroundings = environment(server, tmp_path, **secrets)
        run = subprocess.run(["sh", "-c", STRICT + code], env=surroundings, capture_output=True, text=True, check=True)
        answers.append(json.loads(run.stdout))
        if len(answers) == 1:
            secrets["ORDERS_API_ID"] = answers[0]["id"]
        if len(answers) == 3:
            secrets["WAYVO_VERIFIER_KEY"] = answers[2]["api_key"]
        if len(answers) == 4:
            secrets["PRESENTED_KEY"] = answers[3]["api_key"]
    verdict = answers[4]
    assert (verdict["valid"], verdict["scopes"]) == (True, ["orders:read"])
    asker = server.client(secrets["WAYVO_VERIFIER_KEY"])
    codes = [
        asker.post(
            "/v1/verify",
            json={"credential": secrets["PRESENTED_KEY"], "audience": AUDIENCE, "operation": operation},
        ).json()["code"]
        for operation in (
            {"method": "GET", "path": "/orders/17"},
            {"method": "PUT", "path": "/orders/17"},
            {"method": "PUT", "path": "/orders"},
        )
    ]
    assert codes == ["valid", "insufficient_scope", "unknown_operation"]


def test_the_guide_to_members_works_from_a_role_to_a_member_who_has_one(server: RunningServer, tmp_path: Path) -> None:
    make_role, invite, accept, change, place, command_line = examples("members-and-roles.md", "sh")
    client = server.client()
    things = {"PROJECT_ID": client.post("/v1/projects", json={"name": "n"}).json()["id"]}

    def run(code: str) -> Any:
        surroundings = environment(server, tmp_path, **things)
        done = subprocess.run(["sh", "-c", STRICT + code], env=surroundings, capture_output=True, text=True, check=True)
        return done.stdout

    assert json.loads(run(make_role))["permissions"] == ["api-keys:read", "api-keys:write", "projects:read"]
    things["INVITATION_TOKEN"] = json.loads(run(invite))["token"]
    member = json.loads(run(accept))["user"]
    assert (member["name"], member["role"]) == ("Grace", "developer")
    things["USER_ID"] = member["id"]
    assert json.loads(run(change))["role"] == "viewer"
    assert json.loads(run(place))["role"] == "admin"
    assert "grace@example.com" in run(command_line)


def test_the_python_of_the_guide_tells_a_yes_a_no_and_a_fault_apart(
    shared_server: RunningServer, tmp_path: Path
) -> None:
    register_orders(shared_server)
    (code,) = examples("protect-your-api.md", "python")
    presented = key_for_orders(shared_server, "orders:read")
    asked = (
        (f"Bearer {presented}", "orders:read"),
        (f"Bearer {presented}", "orders:write"),
        ("Bearer made-up", "orders:read"),
        ("Basic abc", "orders:read"),
    )
    program = f"{code}\nfor asked in {asked!r}:\n    print(check(*asked, '203.0.113.7')[0])\n"
    verifier = key_for_orders(shared_server, "credentials:verify")

    def answers(verifier_key: str) -> list[str]:
        surroundings = environment(shared_server, tmp_path, WAYVO_VERIFIER_KEY=verifier_key)
        run = subprocess.run(
            [sys.executable, "-c", program], env=surroundings, capture_output=True, text=True, check=True
        )
        return run.stdout.split()

    assert answers(verifier) == ["200", "403", "401", "401"]
    assert answers(presented) == ["503", "503", "503", "401"]
