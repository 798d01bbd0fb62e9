"""``wayvo quickstart``, which ``make run`` calls: lines to paste the first time, everything kept from then on."""

import shlex
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.harness.leaks import KEY, leaked
from tests.harness.process import SECONDS, ServerProcess, run_wayvo
from tests.harness.server import Client


def quickstart(folder: Path, **variables: str) -> ServerProcess:
    return ServerProcess(folder, command="quickstart", variables=variables)


def pasted(line: str) -> httpx.Request:
    """Return the request that a shell with curl would make of ``line``; nothing in it may be strange to this reader."""
    command, *words = shlex.split(line)
    assert command == "curl"
    options = {"-X": "GET", "-H": "", "-d": ""}
    urls = []
    rest = iter(words)
    for word in rest:
        if word.startswith("-"):
            options[word] = next(rest)
        else:
            urls.append(word)
    assert options.keys() == {"-X", "-H", "-d"}
    (url,) = urls
    name, _, value = options["-H"].partition(": ")
    headers = {name: value}
    if options["-d"]:
        headers["Content-Type"] = "application/x-www-form-urlencoded"  # curl's own for -d
    return httpx.Request(options["-X"], url, headers=headers, content=options["-d"].encode())


def test_the_first_run_prints_three_lines_that_answer_with_real_data(tmp_path: Path) -> None:
    with quickstart(tmp_path) as server:
        lines = server.stdout.wait_for("^curl ", 3)
        client = server.client()
        users, projects, verified = (client.send(pasted(line)) for line in lines)
        assert [answer.status_code for answer in (users, projects, verified)] == [200, 200, 200]
        assert users.request.url.path == "/v1/users"
        assert [user["email"] for user in users.json()["data"]] == ["owner@localhost"]
        assert projects.request.url.path == "/v1/projects"
        assert [project["name"] for project in projects.json()["data"]] == ["Default"]
        assert verified.request.url.path == "/v1/verify"
        assert (verified.json()["valid"], verified.json()["code"]) == (True, "valid")
        assert not leaked(server.log.text)


def test_curl_itself_makes_the_same_of_the_lines(tmp_path: Path) -> None:
    with quickstart(tmp_path) as server:
        for line in server.stdout.wait_for("^curl ", 3):
            ask = f"{line.strip()} --silent --noproxy '*' --output /dev/null --write-out '%{{http_code}}'"
            run = subprocess.run(["sh", "-c", ask], capture_output=True, text=True, timeout=SECONDS, check=False)
            if run.returncode == 127:
                pytest.skip("this machine has no curl")
            assert (run.returncode, run.stdout) == (0, "200"), run.stderr


def test_the_first_key_holds_what_the_lines_need_and_no_more(tmp_path: Path) -> None:
    with quickstart(tmp_path) as server:
        client = server.client(key_of(server))
        assert client.get("/v1/whoami").json()["scopes"] == ["credentials:verify", "projects:read", "users:read"]
        assert client.post("/v1/projects", json={"name": "More"}).json()["code"] == "insufficient_scope"


def test_the_second_run_keeps_everything_and_shows_no_key(tmp_path: Path) -> None:
    with quickstart(tmp_path) as server:
        key = key_of(server)
        before = state(server.client(key))
        assert server.stop() == 0
    with quickstart(tmp_path) as server:
        server.stdout.wait_for("Reference: ")
        assert not leaked(server.stdout.text)
        assert "WAYVO_API_KEY" in server.stdout.text
        assert state(server.client(key)) == before
    # Nor does it found anything beside what `wayvo init` founded.
    run = run_wayvo("init", "--organization", "A", "--email", "a@b", "--data-dir", "data", folder=tmp_path)
    assert run.returncode == 6


def test_a_first_run_that_cannot_serve_leaves_the_key_for_the_next(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "..", variables={"WAYVO_DATA_DIR": str(tmp_path / "other")}) as busy:
        run = run_wayvo("quickstart", "--bind", f"127.0.0.1:{busy.port}", "--data-dir", "data", folder=tmp_path)
        assert (run.returncode, run.stdout) == (2, "")
    with quickstart(tmp_path) as server:
        assert server.client(key_of(server)).get("/v1/users").status_code == 200


def test_the_lines_name_the_address_that_clients_use(tmp_path: Path) -> None:
    with quickstart(tmp_path, WAYVO_PUBLIC_URL="https://keys.example.com/") as server:
        lines = server.stdout.wait_for("^curl ", 3)
        assert all(" https://keys.example.com/v1/" in line for line in lines)


def key_of(server: ServerProcess) -> str:
    (line,) = server.stdout.wait_for(f"^  {KEY.pattern}$")
    return line.strip()


def state(client: Client) -> list[object]:
    answers = [client.get(path) for path in ("/v1/users", "/v1/projects", "/v1/whoami")]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    return [answer.json() for answer in answers]
