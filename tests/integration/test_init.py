"""``wayvo init``: an installation founded unattended, once, whatever else runs at the same time."""

import json
import sqlite3
import subprocess
from pathlib import Path

import argon2
import pytest

from tests.harness.leaks import KEY
from tests.harness.process import WAYVO, ServerProcess, environment, refuse_leaks, run_wayvo
from wayvo.core.access.permissions import PERMISSIONS
from wayvo.store.data_folder import DataFolder

FOUND = ("init", "--organization", "Acme", "--email", "Owner@Acme.example")
IN_DATA = {"WAYVO_DATA_DIR": "data"}


def content(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of the database."""
    with sqlite3.connect(folder / "data" / "wayvo.db") as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
        rows = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for (name,) in tables}  # noqa: S608 - its own names
    connection.close()
    return rows


def test_it_prints_the_ids_and_a_key_that_may_do_everything_on_wayvos_own_api(tmp_path: Path) -> None:
    run = run_wayvo(*FOUND, "--json", "--data-dir", "data", folder=tmp_path, shows_key=True)
    assert (run.returncode, run.stderr) == (0, "")
    founded = json.loads(run.stdout)
    assert list(founded) == ["organization_id", "user_id", "project_id", "api_key_id", "api_key"]
    with ServerProcess(tmp_path) as server:
        client = server.client(founded["api_key"])
        whoami = client.get("/v1/whoami").json()
        assert whoami["organization"] == {"id": founded["organization_id"], "name": "Acme"}
        assert whoami["project"]["id"] == founded["project_id"]
        assert whoami["credential"]["id"] == founded["api_key_id"]
        assert whoami["access"] == {"urn:wayvo:management": ["*"]}
        (owner,) = client.get("/v1/users").json()["data"]
        assert (owner["id"], owner["email"], owner["role"]) == (founded["user_id"], "owner@acme.example", "owner")
        # Everything means everything: it can give each permission away.
        everything = [permission.name for permission in PERMISSIONS]
        created = client.post("/v1/api-keys", json={"name": "All of it", "scopes": everything})
        assert created.status_code == 201
        assert created.json()["scopes"] == sorted(everything)


def test_without_json_the_key_stands_alone_on_stdout(tmp_path: Path) -> None:
    run = run_wayvo(*FOUND, folder=tmp_path, variables=IN_DATA, shows_key=True)
    assert run.returncode == 0
    assert KEY.fullmatch(run.stdout.removesuffix("\n"))
    assert "Acme is set up; owner@acme.example owns it." in run.stderr


def test_the_second_time_it_says_so_and_changes_nothing(tmp_path: Path) -> None:
    assert run_wayvo(*FOUND, folder=tmp_path, variables=IN_DATA, shows_key=True).returncode == 0
    before = content(tmp_path)
    assert len(before["api_keys"]) == 1
    again = run_wayvo("init", "--organization", "Other", "--email", "b@b", "--json", folder=tmp_path, variables=IN_DATA)
    assert (again.returncode, again.stdout) == (6, "")
    assert again.stderr == "Error: The installation in data is set up already.\n"
    assert content(tmp_path) == before


def test_a_server_that_runs_on_an_empty_folder_takes_the_key_at_once(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        key = server.found()["api_key"]
        client = server.client(key)
        assert client.get("/v1/whoami").status_code == 200
        created = client.post("/v1/api-keys", json={"name": "Next", "scopes": ["users:read"]})
        assert created.status_code == 201
        assert server.client(created.json()["api_key"]).get("/v1/users").status_code == 200
        assert client.post("/v1/verify", json={"credential": created.json()["api_key"]}).json()["code"] == "valid"


def test_of_many_at_the_same_time_one_founds_and_the_folder_is_whole(tmp_path: Path) -> None:
    command = [WAYVO, *FOUND, "--json", "--data-dir", tmp_path / "data"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
    runs = [subprocess.Popen(command, env=environment({}), **pipes) for _ in range(6)]  # type: ignore[call-overload] # one text mode for all
    ends = [(*run.communicate(), run.returncode) for run in runs]
    assert sorted(code for _, _, code in ends) == [0, 6, 6, 6, 6, 6]
    refuse_leaks(*(log for _, log, _ in ends))
    (printed,) = [out for out, _, code in ends if code == 0]
    with ServerProcess(tmp_path) as server:
        assert server.client(json.loads(printed)["api_key"]).get("/v1/whoami").status_code == 200
        assert {path.name for path in server.data_dir.iterdir()} - {"wayvo.db-wal", "wayvo.db-shm"} == {
            "wayvo.db",
            "wayvo.lock",
            "secret.key",
        }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--organization", " ", "--email", "a@b"), "--organization has 1 to 100 characters"),
        (("--organization", "n" * 101, "--email", "a@b"), "--organization has 1 to 100 characters"),
        (("--organization", "A\x1b[2J", "--email", "a@b"), "none of them a control character"),
        (("--organization", "A\udcff", "--email", "a@b"), "none of them a control character"),
        (("--organization", "A", "--email", "nobody"), "--email is not an address: nobody"),
        (("--organization", "A", "--email", "a b@c"), "--email is not an address: a b@c"),
        (("--organization", "A", "--email", "a@b@c"), "--email is not an address: a@b@c"),
        (("--organization", "A", "--email", "a\udcff@c"), "--email is not an address: a\\udcff@c"),
        (("--organization", "A", "--email", "a@" + "b" * 253), "--email is not an address: a@bbb"),
        (("--organization", "A"), "Missing option '--email'"),
        (("--email", "a@b"), "Missing option '--organization'"),
    ],
)
def test_what_cannot_be_founded_is_refused_before_anything_is_made(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    raw = tuple(
        argument.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape") for argument in arguments
    )
    run = run_wayvo("init", *raw, folder=tmp_path, variables=IN_DATA)
    assert (run.returncode, run.stdout) == (2, "")
    assert said in run.stderr
    assert "Traceback" not in run.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (b"", "The password has 12 to 256 characters."),
        (b"elevenchars\n", "The password has 12 to 256 characters."),
        (b"x" * 257 + b"\n", "The password has 12 to 256 characters."),
        (b"not \xff a letter at all\n", "The password is not in UTF-8."),
    ],
)
def test_a_password_that_cannot_be_kept_is_refused_without_being_shown(tmp_path: Path, typed: bytes, said: str) -> None:
    run = subprocess.run(
        [WAYVO, *FOUND, "--password-stdin"],
        cwd=tmp_path,
        env=environment(IN_DATA),
        input=typed,
        capture_output=True,
        check=False,
    )
    assert (run.returncode, run.stdout) == (2, b"")
    assert run.stderr.decode() == f"Error: {said}\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "typed", ["correct horse battery", "correct horse battery\n", "correct horse battery\r\nrest\n"]
)
def test_a_password_from_stdin_is_stored_as_an_argon2id_hash_alone(tmp_path: Path, typed: str) -> None:
    run = run_wayvo(*FOUND, "--password-stdin", folder=tmp_path, variables=IN_DATA, stdin=typed, shows_key=True)
    assert run.returncode == 0, run.stderr
    assert "correct horse" not in run.stdout + run.stderr
    (owner,) = content(tmp_path)["users"]
    (password_hash,) = [value for value in owner if str(value).startswith("$argon2id$")]
    hasher = argon2.PasswordHasher()
    assert hasher.verify(str(password_hash), "correct horse battery")
    assert b"correct horse" not in (tmp_path / "data" / "wayvo.db").read_bytes()


def test_a_process_that_finds_another_ones_root_secret_in_its_place_takes_that_one(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    theirs = []

    def entropy(count: int) -> bytes:
        # This process has seen that there is none; here the other one comes between.
        theirs.append(DataFolder(tmp_path / "data").secret(lambda _: b"\x01" * count, may_create=True))
        return b"\x02" * count

    ours = folder.secret(entropy, may_create=True)
    assert [ours] == theirs
    assert folder.secret(entropy, may_create=False) == ours
    assert [path.name for path in folder.path.iterdir()] == ["secret.key"]
