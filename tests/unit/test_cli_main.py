"""The command as a whole: exit codes, messages, what it needs, how it behaves in pipes and on terminals."""

import json
import os
import pty
import re
import subprocess
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tests.unit.canned_server import API_KEY, NEW_SECRET, CannedServer, api_key, canned_server, page, problem
from tests.unit.conftest import Wayvo
from wayvo import __version__
from wayvo.cli.lazy import deferred, stand_in
from wayvo.cli.main import SERVER_COMMANDS, WayvoGroup

KEY_ID = "key_06f5vqmv9ks7h5nmh6s8v2c1kg"
KEY_PATH = f"/v1/api-keys/{KEY_ID}"


# ---------------------------------------------------------------- exit codes and messages


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [
        (400, "invalid_request", 7),
        (401, "expired", 3),
        (403, "insufficient_scope", 4),
        (404, "not_found", 5),
        (405, "method_not_allowed", 1),
        (409, "already_rotated", 6),
        (413, "body_too_large", 7),
        (415, "unsupported_media_type", 7),
        (422, "invalid_field", 7),
        (429, "rate_limited", 1),
        (500, "internal_error", 1),
        (502, "internal_error", 1),
        (503, "storage_unavailable", 8),
    ],
)
def test_every_refusal_has_its_exit_code_and_is_told_on_stderr(
    server: CannedServer, wayvo: Wayvo, status: int, code: str, exit_code: int
) -> None:
    faults = [{"field": "name", "message": "too long"}]
    server.answers("GET", "/v1/whoami", problem(code, status, "That's why.", errors=faults), status=status)
    run = wayvo("whoami", "--json")
    assert (run.exit_code, run.stdout) == (exit_code, "")
    assert run.stderr.splitlines() == [
        f"Error: That's why. [{code}, HTTP {status}]",
        "  name: too long",
        f"  More: http://127.0.0.1:8000/docs/errors/{code}",
        "  Request id: req_1",
    ]


def test_a_fault_of_one_field_is_told_once(server: CannedServer, wayvo: Wayvo) -> None:
    faults = [{"field": "name", "message": "too long"}]
    server.answers("GET", "/v1/whoami", problem("invalid_field", 422, "name: too long", errors=faults), status=422)
    assert wayvo("whoami").stderr.count("name: too long") == 1


def test_a_server_that_cannot_be_reached_is_named() -> None:
    with canned_server() as gone:
        pass
    run = Wayvo({"WAYVO_URL": gone.url, "WAYVO_API_KEY": API_KEY})("whoami")
    assert (run.exit_code, run.stdout) == (8, "")
    assert gone.url in run.stderr


def test_a_web_site_in_place_of_a_server_is_told_and_not_printed(server: CannedServer, wayvo: Wayvo) -> None:
    server.answers("GET", "/v1/whoami", b"<h1>Hello</h1>", headers={"Content-Type": "text/html"})
    run = wayvo("whoami")
    assert run.exit_code == 1
    assert "text/html" in run.stderr
    assert "Hello" not in run.output


@pytest.mark.parametrize("value", [None, "", "  "])
def test_without_a_key_the_command_says_which_variable_to_set(
    server: CannedServer, wayvo: Wayvo, value: str | None
) -> None:
    run = wayvo("whoami", WAYVO_API_KEY=value)
    assert (run.exit_code, server.asked) == (3, [])
    assert "WAYVO_API_KEY" in run.stderr


def test_a_broken_key_is_refused_without_being_shown(server: CannedServer, wayvo: Wayvo) -> None:
    run = wayvo("whoami", WAYVO_API_KEY="wv_live_half of it")
    assert (run.exit_code, server.asked) == (2, [])
    assert "half" not in run.output


def test_a_line_break_after_the_key_from_a_file_does_no_harm(server: CannedServer, wayvo: Wayvo) -> None:
    server.answers("GET", KEY_PATH, api_key())
    assert wayvo("keys", "show", KEY_ID, WAYVO_API_KEY=f"{API_KEY}\n").exit_code == 0


def test_the_url_option_goes_before_the_variable(server: CannedServer, wayvo: Wayvo) -> None:
    server.answers("GET", KEY_PATH, api_key())
    assert wayvo("--url", server.url, "keys", "show", KEY_ID, WAYVO_URL="http://127.0.0.1:1").exit_code == 0


def test_a_key_in_clear_text_to_an_address_that_is_not_loopback_wants_leave(server: CannedServer, wayvo: Wayvo) -> None:
    server.answers("GET", KEY_PATH, api_key())
    url = server.url.replace("127.0.0.1", "0.0.0.0")  # noqa: S104 - reaches this machine, and is no loopback address
    run = wayvo("--url", url, "keys", "show", KEY_ID)
    assert (run.exit_code, server.asked) == (2, [])
    assert "WAYVO_ALLOW_HTTP=1" in run.stderr
    assert wayvo("--url", url, "keys", "show", KEY_ID, WAYVO_ALLOW_HTTP="1").exit_code == 0


def test_no_option_takes_the_key(wayvo: Wayvo) -> None:
    for arguments in (["--help"], ["keys", "create", "--help"], ["whoami", "--help"]):
        options = re.findall(r"--[a-z-]+", wayvo(*arguments).stdout)
        assert "--help" in options
        assert not {"--api-key", "--key", "--token", "--credential", "--secret"} & set(options)


def test_the_version_is_told_without_a_server_or_a_key(wayvo: Wayvo) -> None:
    run = wayvo("--version", WAYVO_API_KEY=None)
    assert (run.exit_code, run.stdout) == (0, f"wayvo {__version__}\n")


def test_an_expected_failure_shows_no_traceback_and_an_unexpected_one_no_locals(wayvo: Wayvo) -> None:
    run = wayvo.program("keys", "show", KEY_ID)
    assert (run.returncode, run.stdout) == (5, "")
    assert "Traceback" not in run.stderr
    statement = (
        "from wayvo.cli.main import app\n"
        "@app.command()\n"
        "def burst() -> None:\n"
        "    secret = ''.join(['shown', 'nowhere'])\n"
        "    raise RuntimeError('unexpected')\n"
        "app(['burst'])\n"
    )
    command, variables = wayvo.prepared()
    run = subprocess.run([command[0], "-c", statement], env=variables, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "unexpected" in run.stderr
    assert "shownnowhere" not in run.stderr


# ---------------------------------------------------------------- what comes from the server


def test_nothing_from_the_server_can_steer_the_terminal(server: CannedServer, wayvo: Wayvo) -> None:
    nasty = "\x1b]0;owned\x07\x1b[2J[red]\u202eevil\u2028\x9b"
    server.answers("GET", KEY_PATH, api_key(name=nasty))
    server.answers("GET", "/v1/api-keys", page(api_key(name=nasty)))
    server.answers("GET", "/v1/whoami", problem("unknown", 401, nasty), status=401)
    for run in (wayvo("keys", "show", KEY_ID), wayvo("keys", "list"), wayvo("whoami")):
        assert not set("\x1b\x07\u202e\u2028\x9b") & set(run.output)
        assert "[red]" in run.output


# ---------------------------------------------------------------- pipes and terminals


def on_a_terminal(
    command: list[str], variables: dict[str, str], *, types: str = "", width: int = 80
) -> tuple[int, str]:
    """Run a command with a terminal as its stdin, stdout and stderr; type ``types`` when it asks."""
    ours, theirs = pty.openpty()
    terminal = {"TERM": "xterm-256color", "COLUMNS": str(width)}
    with subprocess.Popen(command, env=variables | terminal, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                chunk = os.read(ours, 65536)
            except OSError:  # Linux: the other end is closed
                break
            if not chunk:
                break
            seen += chunk
            if types and seen.endswith(b": "):
                os.write(ours, f"{types}\n".encode())
                types = ""
        os.close(ours)
    return process.returncode, seen.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("answer", ["deploy", "aB3x"])
def test_revoke_on_a_terminal_asks_for_the_name_or_the_last_four(
    server: CannedServer, wayvo: Wayvo, answer: str
) -> None:
    server.answers("GET", KEY_PATH, api_key())
    server.answers("POST", f"{KEY_PATH}/revoke", api_key(status="revoked"))
    code, seen = on_a_terminal(*wayvo.prepared("keys", "revoke", KEY_ID), types=answer)
    assert code == 0, seen
    assert [asked.method for asked in server.asked] == ["GET", "POST"]


@pytest.mark.parametrize("answer", ["yes", "DEPLOY", " "])
def test_revoke_on_a_terminal_changes_nothing_after_any_other_answer(
    server: CannedServer, wayvo: Wayvo, answer: str
) -> None:
    server.answers("GET", KEY_PATH, api_key())
    code, seen = on_a_terminal(*wayvo.prepared("keys", "revoke", KEY_ID), types=answer)
    assert code == 2, seen
    assert "nothing was changed" in seen
    assert [asked.method for asked in server.asked] == ["GET"]


def test_a_table_has_colours_on_a_terminal_and_none_with_no_color_or_in_a_pipe(
    server: CannedServer, wayvo: Wayvo
) -> None:
    server.answers("GET", "/v1/api-keys", page(api_key()))
    assert "\x1b[32mactive" in on_a_terminal(*wayvo.prepared("keys", "list"))[1]
    seen = on_a_terminal(*wayvo.prepared("keys", "list", NO_COLOR="1"))[1]
    assert "\x1b[3" not in seen
    assert "active" in seen
    assert "\x1b" not in wayvo.program("keys", "list").stdout


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_a_table_fits_its_terminal_and_always_shows_whole_ids_and_names(
    server: CannedServer, wayvo: Wayvo, width: int
) -> None:
    server.answers("GET", "/v1/api-keys", page(*[api_key(name=f"key number {n}") for n in range(3)]))
    _, seen = on_a_terminal(*wayvo.prepared("keys", "list", NO_COLOR="1"), width=width)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", seen)
    assert max(map(len, plain.splitlines())) <= width
    assert ("Project" in plain) == (width == 200)
    if width >= 80:
        assert plain.count(KEY_ID) == 3
        assert "key number 2" in plain
    assert "…\n" not in plain.replace("…aB3x", "")


def test_a_table_in_a_pipe_is_cut_nowhere(server: CannedServer, wayvo: Wayvo) -> None:
    name = "a long name " * 20
    server.answers("GET", "/v1/api-keys", page(api_key(name=name)))
    lines = wayvo.program("keys", "list", COLUMNS="40").stdout.splitlines()
    assert len(lines) == 2
    assert name.strip() in lines[1]
    assert "prj_06f5vqmv9ks7h5nmh6s8v2c1k1" in lines[1]


def test_a_locale_without_the_letters_of_a_name_is_no_reason_to_fail(server: CannedServer, wayvo: Wayvo) -> None:
    server.answers("GET", "/v1/api-keys", page(api_key(name="Zoë 鍵")))
    run = wayvo.program("keys", "list", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert run.returncode == 0, run.stderr
    assert "Zo\\xeb" in run.stdout


def test_json_is_utf_8_in_every_locale(server: CannedServer, wayvo: Wayvo) -> None:
    server.answers("GET", "/v1/api-keys", page(api_key(name="Zoë 鍵")))
    run = wayvo.program("keys", "list", "--json", PYTHONIOENCODING="latin-1", PYTHONUTF8="0")
    assert json.loads(run.stdout)[0]["name"] == "Zoë 鍵"


def test_a_full_disk_is_told_in_a_sentence(server: CannedServer, wayvo: Wayvo) -> None:
    server.answers("GET", "/v1/api-keys", page(api_key()))
    for arguments in (["keys", "list"], ["keys", "list", "--json"]):
        command, variables = wayvo.prepared(*arguments)
        with Path("/dev/full").open("w") as full:
            run = subprocess.run(command, env=variables, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert (run.returncode, run.stderr) == (1, "Error: There is no space left on the device.\n")


def test_a_secret_in_a_pipe_comes_without_anything_else(server: CannedServer, wayvo: Wayvo) -> None:
    server.answers("POST", "/v1/api-keys", api_key(api_key=NEW_SECRET), status=201)
    run = wayvo.program("keys", "create", "--name", "deploy")
    assert (run.returncode, run.stdout) == (0, f"{NEW_SECRET}\n")


# ---------------------------------------------------------------- commands of the server


def program_with(module: str) -> typer.Typer:
    app = typer.Typer(cls=WayvoGroup)
    app.command("probe", cls=deferred(module), help="A probe.")(stand_in)
    app.callback()(lambda: None)
    return app


def test_a_command_of_the_server_is_listed_without_its_libraries_and_names_the_extra_when_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "probe_without_library.py").write_text("import a_library_that_is_missing\n")
    monkeypatch.syspath_prepend(tmp_path)
    app = program_with("probe_without_library")
    run = CliRunner().invoke(app, ["--help"])
    assert "A probe." in run.stdout
    run = CliRunner().invoke(app, ["probe"], catch_exceptions=False)
    assert run.exit_code == 1
    assert "a_library_that_is_missing" in run.stderr
    assert "wayvo[server]" in run.stderr


def test_a_command_of_the_server_is_an_ordinary_command_once_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import typer\n"
        "from typing import Annotated\n"
        "def command(ctx: typer.Context, size: Annotated[int, typer.Option(help='How big.')] = 1) -> None:\n"
        "    '''Probe it.'''\n"
        "    typer.echo(f'{ctx.command_path} {size}')\n"
        "    raise typer.Exit(size)\n"
    )
    (tmp_path / "probe_with_options.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    app = program_with("probe_with_options")
    run = CliRunner().invoke(app, ["probe", "--size", "7"], prog_name="wayvo")
    assert (run.exit_code, run.stdout) == (7, "wayvo probe 7\n")
    run = CliRunner().invoke(app, ["probe", "--help"], prog_name="wayvo")
    assert all(text in run.stdout for text in ("Probe it.", "How big.", "wayvo probe"))
    assert CliRunner().invoke(app, ["probe", "--size", "x"]).exit_code == 2


def test_the_help_lists_every_command(wayvo: Wayvo) -> None:
    listed = wayvo("--help").stdout
    names = [name for name, _, _ in SERVER_COMMANDS]
    assert names == ["quickstart", "serve", "init", "operator-key", "migrate", "backup", "restore", "copy"]
    assert all(re.search(rf"│ {name} ", listed) for name in [*names, "keys", "whoami", "users", "projects", "apis"])


def test_without_the_libraries_of_the_command_line_the_extra_is_named(wayvo: Wayvo) -> None:
    statement = "import sys; sys.modules['typer'] = None; import wayvo.cli.main"
    command, variables = wayvo.prepared()
    run = subprocess.run([command[0], "-c", statement], env=variables, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr == "The wayvo command needs typer: pip install 'wayvo[cli]'\n"
