"""``wayvo serve`` as an operator starts it: what it takes, where it listens, what it can't stand on."""

import re
import signal
import socket
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.harness.process import ServerProcess, run_wayvo
from tests.harness.server import free_port


@contextmanager
def listener() -> Iterator[int]:
    """Somebody else's server on a loopback port."""
    with socket.create_server(("127.0.0.1", 0)) as busy:
        yield busy.getsockname()[1]


# ---------------------------------------------------------------- what it takes


def test_every_setting_that_shows_from_outside_is_in_force(tmp_path: Path) -> None:
    database = tmp_path / "elsewhere.sqlite"
    variables = {
        "WAYVO_DATABASE_URL": f"sqlite:///{database}",
        "WAYVO_PUBLIC_URL": "https://keys.example.com/wayvo/",
        "WAYVO_SECRET_KEY": "a root secret of more than 32 characters",
        "WAYVO_KEY_PREFIX": "acme",
        "WAYVO_TRUSTED_PROXIES": "127.0.0.0/8,::1/128",
        "WAYVO_CACHE_CREDENTIALS": "100",
        "WAYVO_DRAIN_SECONDS": "3",
        "WAYVO_LOG_FORMAT": "json",
        "WAYVO_LOG_LEVEL": "info",
    }
    init = ("init", "--organization", "Acme", "--email", "a@acme.example")
    with ServerProcess(tmp_path, variables=variables) as server:
        founded = run_wayvo(*init, folder=tmp_path, variables={"WAYVO_DATA_DIR": "data", **variables}, shows_key=True)
        key = founded.stdout.strip()
        assert key.startswith("acme_live_"), founded.stderr
        answer = server.client(key).get("/v1/nothing", headers={"X-Request-Id": "from-the-proxy"})
        assert answer.json()["type"] == "https://keys.example.com/wayvo/docs/errors/not_found"
        assert answer.headers["X-Request-Id"] == "from-the-proxy"
        assert "Strict-Transport-Security" in answer.headers
        assert server.wait_for_requests(1)[0]["route"] == "(no route)"
        assert server.entries()[-1]["level"] == "info"
    assert database.is_file()
    assert sorted(path.name for path in server.data_dir.iterdir()) == ["wayvo.lock"]


def test_the_command_line_goes_before_the_variables_and_those_before_the_file(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "wayvo.toml").write_text(
        f'bind = "127.0.0.1:{free_port()}"\nkey_prefix = "filed"\nlog_level = "error"\npublic_url = "http://filed.example"\n'
    )
    flags = ("--bind", f"127.0.0.1:{port}", "--data-dir", tmp_path / "flagged")
    variables = {"WAYVO_CONFIG": "wayvo.toml", "WAYVO_LOG_LEVEL": "info", "WAYVO_BIND": "127.0.0.1:1"}
    variables["WAYVO_DATA_DIR"] = "unused"
    with ServerProcess(tmp_path, *flags, port=port, variables=variables) as server:
        answer = server.client().get("/v1/whoami")
        assert answer.json()["type"] == "http://filed.example/docs/errors/missing_credential"
        assert (tmp_path / "flagged" / "wayvo.db").is_file()
        assert not (tmp_path / "unused").exists()


def test_logs_have_the_format_and_the_level_that_were_asked_for(tmp_path: Path) -> None:
    variables = {"WAYVO_LOG_FORMAT": "console", "WAYVO_LOG_LEVEL": "info"}
    with ServerProcess(tmp_path, ready="serving ", variables=variables) as server:
        server.client().get("/v1/users")
        (line,) = server.log.wait_for("request .*status=401")
        assert not line.startswith("{")
        assert "route=/v1/users" in line
    run = run_wayvo("serve", folder=tmp_path, variables={"WAYVO_LOG_LEVEL": "loud"})
    assert (run.returncode, run.stderr.startswith("Error: WAYVO_LOG_LEVEL is 'loud'")) == (2, True)


def test_a_variable_that_is_no_setting_is_pointed_out_and_its_value_is_not(tmp_path: Path) -> None:
    variables = {"WAYVO_BINDD": "hunter2", "WAYVO_URL": "http://127.0.0.1:1", "WAYVO_API_KEY": "x"}
    with ServerProcess(tmp_path, variables=variables) as server:
        warnings = [line for line in server.log.text.splitlines() if line.startswith("Warning")]
        assert warnings == ["Warning: WAYVO_BINDD is not a setting of this version; see docs/settings.md."]
        assert "hunter2" not in server.log.text


def test_the_help_names_the_variable_of_every_flag(tmp_path: Path) -> None:
    shown = run_wayvo("serve", "--help", folder=tmp_path, variables={"COLUMNS": "200"}).stdout
    for flag in ("bind", "data-dir", "tls-cert", "tls-key", "behind-proxy"):
        (line,) = [line for line in shown.splitlines() if f"--{flag} " in line]
        assert f"[WAYVO_{flag.upper().replace('-', '_')}]" in line


# ---------------------------------------------------------------- where it listens


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "192.168.7.7", "10.0.0.1", "wayvo.example.com"])  # noqa: S104 - refused
def test_beyond_loopback_nothing_is_served_in_clear_text(tmp_path: Path, host: str) -> None:
    run = run_wayvo("serve", folder=tmp_path, variables={"WAYVO_BIND": f"{host}:8000"})
    assert run.returncode == 2
    assert run.stderr.startswith(f"Error: WAYVO_BIND is {host}:8000, beyond loopback")
    assert all(mend in run.stderr for mend in ("--tls-cert", "--behind-proxy", "WAYVO_TRUSTED_PROXIES"))
    assert list(tmp_path.iterdir()) == []


def test_behind_a_proxy_that_is_named_it_serves_beyond_loopback(tmp_path: Path) -> None:
    port = free_port()
    flags = ("--behind-proxy", "--bind", f"0.0.0.0:{port}")
    run = run_wayvo("serve", *flags, folder=tmp_path)
    assert run.returncode == 2
    assert run.stderr.startswith("Error: WAYVO_TRUSTED_PROXIES is empty, but --behind-proxy is given.")
    with ServerProcess(tmp_path, *flags, port=port, variables={"WAYVO_TRUSTED_PROXIES": "10.0.0.0/8"}) as server:
        assert server.client().get("/healthz").status_code == 200


@pytest.mark.parametrize("host", ["localhost", "[::1]", "127.0.0.2"])
def test_every_name_of_loopback_is_served(tmp_path: Path, host: str) -> None:
    port = free_port()
    with ServerProcess(tmp_path, variables={"WAYVO_BIND": f"{host}:{port}"}):
        assert httpx.get(f"http://{host}:{port}/healthz", trust_env=False).status_code == 200


@pytest.mark.parametrize("command", ["serve", "quickstart"])
def test_a_port_that_is_taken_is_told_before_anything_is_made(tmp_path: Path, command: str) -> None:
    with listener() as port:
        run = run_wayvo(command, folder=tmp_path, variables={"WAYVO_BIND": f"127.0.0.1:{port}"})
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == (
        f"Error: WAYVO_BIND is 127.0.0.1:{port}, where this process can't listen: Address already in use. "
        "Stop what listens there, or choose another address with --bind.\n"
    )
    # A first key that is made now would never be shown.
    assert list(tmp_path.iterdir()) == []


def test_a_host_that_is_nowhere_is_told(tmp_path: Path) -> None:
    variables = {"WAYVO_BIND": "nowhere.invalid:8000", "WAYVO_BEHIND_PROXY": "on", "WAYVO_TRUSTED_PROXIES": "::1"}
    run = run_wayvo("serve", folder=tmp_path, variables=variables)
    assert run.returncode == 2
    assert run.stderr.startswith("Error: WAYVO_BIND is nowhere.invalid:8000, where this process can't listen: ")


# ---------------------------------------------------------------- what it stands on


def test_a_second_server_on_the_same_folder_says_so(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        variables = {"WAYVO_DATA_DIR": "data", "WAYVO_BIND": f"127.0.0.1:{free_port()}"}
        run = run_wayvo("serve", folder=tmp_path, variables=variables)
        assert run.returncode == 2
        assert run.stderr == (
            "Error: Another server runs on the data folder data. Stop it, or choose another --data-dir.\n"
        )
        assert server.client().get("/readyz").status_code == 200
        server.send_signal(signal.SIGKILL)
        server.wait()
    with ServerProcess(tmp_path) as server:  # the lock ended with the process
        assert server.client().get("/readyz").status_code == 200


def data_folder_is_a_file(folder: Path) -> dict[str, str]:
    (folder / "file").touch()
    return {"WAYVO_DATA_DIR": "file"}


def secret_is_a_folder(folder: Path) -> dict[str, str]:
    (folder / "data" / "secret.key").mkdir(parents=True, mode=0o700)
    return {"WAYVO_DATA_DIR": "data"}


def secret_is_open_to_others(folder: Path) -> dict[str, str]:
    (folder / "data").mkdir()
    (folder / "data" / "secret.key").write_text("5" * 64)
    (folder / "data" / "secret.key").chmod(0o644)
    return {"WAYVO_DATA_DIR": "data"}


def database_is_in_a_folder_that_is_missing(folder: Path) -> dict[str, str]:
    return {"WAYVO_DATA_DIR": "data", "WAYVO_DATABASE_URL": f"sqlite:///{folder}/missing/wayvo.db"}


def database_is_something_else(folder: Path) -> dict[str, str]:
    (folder / "notes.txt").write_text("These are no pages of a database. " * 40)
    variables = {"WAYVO_SECRET_KEY": "a root secret of more than 32 characters"}
    return {"WAYVO_DATA_DIR": "data", "WAYVO_DATABASE_URL": f"sqlite:///{folder}/notes.txt", **variables}


def database_is_newer(folder: Path) -> dict[str, str]:
    run = run_wayvo("migrate", folder=folder, variables={"WAYVO_DATA_DIR": "data"})
    assert run.returncode == 0, run.stderr
    with sqlite3.connect(folder / "data" / "wayvo.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    return {"WAYVO_DATA_DIR": "data"}


def database_is_without_its_secret(folder: Path) -> dict[str, str]:
    run_wayvo("migrate", folder=folder, variables={"WAYVO_DATA_DIR": "data"})
    (folder / "data" / "secret.key").unlink()
    return {"WAYVO_DATA_DIR": "data"}


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (data_folder_is_a_file, "The data folder file can't be made: File exists."),
        (secret_is_a_folder, "data/secret.key can't be read: Is a directory."),
        (secret_is_open_to_others, "Run: chmod 600 data/secret.key"),
        (database_is_in_a_folder_that_is_missing, "missing/wayvo.db can't be used: No such file or directory."),
        (database_is_something_else, "notes.txt can't be used: SQLITE_NOTADB."),
        (database_is_newer, "schema 9999, which this version of Wayvo"),
        (database_is_without_its_secret, "secret.key is gone, and with it every credential in the database."),
    ],
)
def test_what_it_cannot_stand_on_is_told_in_a_sentence(
    tmp_path: Path, broken: Callable[[Path], dict[str, str]], said: str
) -> None:
    run = run_wayvo("serve", folder=tmp_path, variables=broken(tmp_path))
    assert (run.returncode, run.stdout) == (2, "")
    (told,) = [line for line in run.stderr.splitlines() if not line.startswith("{")]
    assert told.startswith("Error: ")
    assert said in told


def test_a_lock_that_cannot_be_taken_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "data" / "wayvo.lock").mkdir(parents=True)
    run = run_wayvo("serve", folder=tmp_path, variables={"WAYVO_DATA_DIR": "data"})
    assert (run.returncode, run.stderr) == (2, "Error: data/wayvo.lock can't be written: Is a directory.\n")


@pytest.mark.parametrize("command", [("init", "--organization", "A", "--email", "a@b"), ("migrate",), ("quickstart",)])
def test_the_other_commands_tell_it_likewise(tmp_path: Path, command: tuple[str, ...]) -> None:
    run = run_wayvo(*command, folder=tmp_path, variables=database_is_something_else(tmp_path))
    assert (run.returncode, run.stdout) == (2, "")
    assert "Traceback" not in run.stderr
    assert "Error: The database" in run.stderr


def test_a_database_that_is_made_is_its_owners_alone_even_in_a_folder_that_others_can_open(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o755)
    with ServerProcess(tmp_path) as server:
        assert server.client().get("/readyz").status_code == 200
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in server.data_dir.iterdir()}
    assert modes.keys() >= {"wayvo.db", "wayvo.db-wal", "secret.key"}
    assert {name: mode for name, mode in modes.items() if mode & 0o077 and name != "wayvo.lock"} == {}


# ---------------------------------------------------------------- wayvo migrate


def test_migrate_makes_the_database_that_a_server_then_serves(tmp_path: Path) -> None:
    for _ in range(2):  # the second time there is nothing to do
        run = run_wayvo("migrate", "--data-dir", "data", folder=tmp_path)
        assert (run.returncode, run.stderr) == (0, "")
        assert re.fullmatch(r"The database data/wayvo\.db has schema \d{4}\.\n", run.stdout)
    with ServerProcess(tmp_path) as server:
        assert server.client(server.found()["api_key"]).get("/v1/whoami").status_code == 200


@pytest.mark.parametrize("command", [("init", "--organization", "A", "--email", "a@b"), ("migrate",)])
def test_how_the_server_listens_is_no_matter_for_commands_that_do_not(tmp_path: Path, command: tuple[str, ...]) -> None:
    variables = {"WAYVO_BIND": "0.0.0.0:443", "WAYVO_DATA_DIR": "data"}
    run = run_wayvo(*command, folder=tmp_path, variables=variables, shows_key=True)
    assert (run.returncode, "WAYVO_BIND" in run.stderr) == (0, False)
