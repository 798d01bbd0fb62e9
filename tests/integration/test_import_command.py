"""``wayvo keys import``: files of keys, row by row, as a program of its own against a server."""

import csv
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.harness.foreign import made_elsewhere, sha256
from tests.harness.process import run_wayvo
from tests.harness.server import RunningServer, free_port

LOOKS = ("--prefix", "sk_live_", "--alphabet", "base62", "--length", "24")


class Importer:
    """The command line of the operator, in a folder of its own."""

    def __init__(self, server: RunningServer, folder: Path) -> None:
        self.server = server
        self.folder = folder

    def __call__(self, file: Path | str, *options: str, code: int = 0, looks: tuple[str, ...] = LOOKS) -> Any:
        variables = {"WAYVO_URL": self.server.url, "WAYVO_API_KEY": self.server.key}
        arguments = ("keys", "import", str(file), *looks, *options)
        run = run_wayvo(*arguments, folder=self.folder, variables=variables)
        assert run.returncode == code, (run.stdout, run.stderr)
        assert "Traceback" not in run.stderr
        return run

    def opens(self, key: str, path: str = "/v1/users") -> bool:
        return self.server.client(key).get(path).status_code == 200

    def jsonl(self, *rows: object) -> Path:
        file = self.folder / "keys.jsonl"
        lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return file

    def csv(self, header: list[str], *rows: list[str]) -> Path:
        file = self.folder / "keys.csv"
        with file.open("w", newline="", encoding="utf-8-sig") as opened:
            csv.writer(opened).writerows([header, *rows])
        return file


@pytest.fixture
def importer(shared_server: RunningServer, tmp_path: Path) -> Importer:
    """The command line."""
    return Importer(shared_server, tmp_path)


def counts(run: Any) -> tuple[int, int, int]:
    told = json.loads(run.stdout)
    return told["created"], told["existing"], told["refused"]


def test_keys_of_a_csv_file_go_on_working_and_a_second_run_finds_them_there(importer: Importer) -> None:
    plain, hashed = made_elsewhere(), made_elsewhere()
    header = ["sha256", "key", "name", "scopes", "access", "metadata.plan", "allowed_networks", "external_id"]
    file = importer.csv(
        header,
        ["", plain, "Plain, with a comma", "users:read, projects:read", "", "gold", "", "cus_1"],
        [sha256(hashed), "", "Hashed", "", "urn:wayvo:management=users:read", "", "127.0.0.0/8 203.0.113.0/24", ""],
    )
    run = importer(file, "--json")
    assert counts(run) == (2, 0, 0)
    assert plain not in run.stdout + run.stderr
    assert [importer.opens(plain), importer.opens(plain, "/v1/projects")] == [True, True]
    assert [importer.opens(hashed), importer.opens(hashed, "/v1/projects")] == [True, False]
    assert counts(importer(file, "--json")) == (0, 2, 0)
    newest = {key["name"]: key for key in importer.server.client().get("/v1/api-keys").json()["data"]}
    assert newest["Plain, with a comma"]["metadata"] == {"plan": "gold", "external_id": "cus_1"}
    assert newest["Plain, with a comma"]["last_four"] == plain[-4:]
    assert newest["Hashed"]["allowed_networks"] == ["127.0.0.0/8", "203.0.113.0/24"]
    assert newest["Hashed"]["last_four"] == ""


def test_options_stand_in_for_what_a_row_leaves_out(importer: Importer) -> None:
    bare, own = made_elsewhere(), made_elsewhere()
    project = importer.server.client().post("/v1/projects", json={"name": "Moved in"}).json()["id"]
    file = importer.jsonl({"key": bare, "name": "Bare"}, {"key": own, "name": "Own", "scopes": [], "mode": "test"})
    importer(file, "--project", project, "--scope", "users:read")
    shown = {
        key["name"]: key
        for key in importer.server.client().get("/v1/api-keys", params={"project_id": project}).json()["data"]
    }
    assert (shown["Bare"]["scopes"], shown["Bare"]["mode"]) == (["users:read"], "live")
    assert (shown["Own"]["scopes"], shown["Own"]["mode"]) == ([], "test")


def test_refused_rows_are_told_by_their_lines_and_the_others_are_stored(importer: Importer) -> None:
    good, wrong = made_elsewhere(), made_elsewhere()[:-1]
    file = importer.jsonl(
        {"key": good, "name": "Good", "scopes": ["users:read"]},
        {"key": wrong, "name": "Too short"},
        "",
        "{not json",
        "[1]",
        {"key": made_elsewhere()},
        {"key": made_elsewhere(), "sha256": "00", "name": "Both"},
        {"sha256": wrong, "name": "A key for a digest"},
        {"name": "Neither"},
    )
    run = importer(file, code=7)
    faults = [line.split(": ")[:2] for line in run.stderr.splitlines() if line.startswith("Line ")]
    told = {("Line 2", "key"), ("Line 4", "row"), ("Line 5", "row"), ("Line 6", "name"), ("Line 7", "key")}
    told |= {("Line 8", "sha256"), ("Line 9", "key")}
    assert {tuple(fault) for fault in faults} == told
    assert wrong not in run.stdout + run.stderr
    assert importer.opens(good)
    report = importer.folder / "refused.jsonl"
    importer(file, "--report", str(report), "--json", code=7)
    kept = [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]
    assert {(f"Line {row['line']}", row["field"]) for row in kept} == told


def test_a_dry_run_tells_what_would_be_done(importer: Importer) -> None:
    key = made_elsewhere()
    file = importer.jsonl({"key": key, "name": "Not yet", "scopes": ["users:read"]})
    run = importer(file, "--dry-run")
    assert "Would be created" in run.stdout
    assert not importer.opens(key)


def test_a_file_of_many_rows_goes_in_batches_and_can_be_gone_on_with_in_the_middle(importer: Importer) -> None:
    keys = [made_elsewhere() for _ in range(1203)]
    file = importer.jsonl(*({"sha256": sha256(key), "name": f"Key {number}"} for number, key in enumerate(keys)))
    assert counts(importer(file, "--from-line", "1001", "--json")) == (203, 0, 0)
    assert counts(importer(file, "--json")) == (1000, 203, 0)


def test_rows_may_come_through_a_pipe(importer: Importer) -> None:
    key = made_elsewhere()
    pipe = importer.folder / "pipe"
    os.mkfifo(pipe)
    line = json.dumps({"key": key, "name": "Piped", "scopes": ["users:read"]})
    writer = threading.Thread(target=pipe.write_text, args=(f"{line}\n",))
    writer.start()
    importer(pipe, "--format", "jsonl")
    writer.join()
    assert importer.opens(key)


def test_an_interrupted_import_says_how_to_go_on(importer: Importer, tmp_path: Path) -> None:
    file = importer.jsonl({"key": made_elsewhere(), "name": "A key"})
    variables = {"WAYVO_URL": f"http://127.0.0.1:{free_port()}", "WAYVO_API_KEY": importer.server.key}
    run = run_wayvo("keys", "import", str(file), *LOOKS, folder=tmp_path, variables=variables)
    assert run.returncode == 8
    assert "Done up to line 0" in run.stderr
    assert "--from-line 1" in run.stderr


@pytest.mark.parametrize(
    ("looks", "says"),
    [
        (("--alphabet", "base62", "--length", "x"), "--length"),
        (("--alphabet", "base62", "--length", "40-20"), "--length"),
        (("--alphabet", "base62", "--length", "65"), "--length"),
        (("--alphabet", "a", "--length", "24"), "--alphabet"),
        (("--prefix", "a b", "--alphabet", "base62", "--length", "24"), "--prefix"),
    ],
)
def test_a_format_that_can_be_none_is_a_slip_on_the_command_line(
    importer: Importer, looks: tuple[str, ...], says: str
) -> None:
    assert says in importer(importer.jsonl(), looks=looks, code=2).stderr


def test_a_weak_format_is_refused_until_it_is_accepted(importer: Importer) -> None:
    looks = ("--prefix", "w_", "--alphabet", "hex", "--length", "10")
    file = importer.jsonl({"key": "w_0123456789", "name": "Weak", "scopes": ["users:read"]})
    assert "weak_key_format" in importer(file, looks=looks, code=7).stderr
    assert "40 bits" in importer(file, "--accept-weak", looks=looks).stderr
    assert importer.opens("w_0123456789")


@pytest.mark.parametrize("content", [b"sk_live_0123,Name\n", b"sha256,sha256\n", b"\xff\n", b"a" * 70_000, b""])
def test_a_file_that_is_no_table_is_refused_and_nothing_of_it_is_repeated(importer: Importer, content: bytes) -> None:
    file = importer.folder / "keys.csv"
    file.write_bytes(content)
    run = importer(file, code=7)
    assert "0123" not in run.stderr


def test_a_file_that_is_not_there_or_says_nothing_of_its_form_is_a_slip(importer: Importer) -> None:
    assert "can't be read" in importer(importer.folder / "nothing.csv", code=2).stderr
    (importer.folder / "keys.txt").write_text("{}")
    assert "--format" in importer(importer.folder / "keys.txt", code=2).stderr
