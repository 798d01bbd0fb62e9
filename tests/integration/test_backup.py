"""``wayvo backup``: one moment of everything, on either engine, while servers write; whole, private, or not there."""

import os
import resource
import signal
import stat
import subprocess
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.harness.engine import ROOT_SECRET
from tests.harness.held_command import HeldCommand
from tests.harness.installations import Place, Places, content, fill, served
from tests.harness.process import WAYVO, environment, run_wayvo
from tests.harness.server import Client
from tests.integration.halves import refuse_halves
from wayvo.core.credentials.digest import RootSecret

ENGINES = pytest.mark.parametrize(
    "engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))]
)
FINGERPRINT = RootSecret(ROOT_SECRET.encode()).fingerprint


def restored(places: Places, file: Path) -> Place:
    """Restore a backup into a new folder."""
    place = places.on_sqlite(f"restored from {file.name}")
    run = run_wayvo("restore", "--from", file, folder=file.parent, variables=place.variables)
    assert run.returncode == 0, run.stderr
    return place


@ENGINES
def test_a_backup_shows_the_moment_at_which_it_began_whatever_is_written_meanwhile(
    places: Places, tmp_path: Path, engine: str
) -> None:
    place, file = places.on(engine, "source"), tmp_path / "backup"
    fill(place, keys=15_000)
    with served(place) as server:
        before = content(place)
        with HeldCommand("backup", "--to", file, folder=tmp_path, variables=place.variables) as backing_up:
            backing_up.hold_at("organizations: 1")
            client = server.client(_operator_key(place, tmp_path))
            created = client.post("/v1/api-keys", json={"name": "Meanwhile"}).json()
            assert client.post(f"/v1/api-keys/{created['id']}/rotate", json={}).status_code == 201
            assert client.post("/v1/projects", json={"name": "Meanwhile"}).status_code == 201
            assert content(place) != before
            assert backing_up.go_on() == 0, backing_up.stderr.text
    assert content(restored(places, file)) == before


def _operator_key(place: Place, folder: Path) -> str:
    run = run_wayvo("operator-key", folder=folder, variables=place.variables, shows_key=True)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


@ENGINES
def test_a_backup_under_a_load_of_writes_holds_nothing_by_half(places: Places, tmp_path: Path, engine: str) -> None:
    place, file = places.on(engine, "source"), tmp_path / "backup"
    filled = fill(place, keys=2500)
    before = len(content(place)["api_keys"])
    is_over = threading.Event()

    def rotate(client: Client) -> None:
        key = client.post("/v1/api-keys", json={"name": "Spinning"}).json()["id"]
        while not is_over.is_set():
            answer = client.post(f"/v1/api-keys/{key}/rotate", json={}, headers={"Idempotency-Key": key})
            assert answer.status_code == 201, answer.text
            key = answer.json()["id"]

    with served(place) as server, ThreadPoolExecutor(4) as pool:
        running = [pool.submit(rotate, server.client(filled.operator)) for _ in range(4)]
        try:
            run = run_wayvo("backup", "--to", file, folder=tmp_path, variables=place.variables)
        finally:
            is_over.set()
        for future in running:
            future.result(60)
    assert run.returncode == 0, run.stderr
    there = restored(places, file)
    refuse_halves(there.url)
    assert before < len(content(there)["api_keys"]) < len(content(place)["api_keys"]), "nothing was written meanwhile"


@ENGINES
def test_a_backup_says_where_the_root_secret_is_and_holds_neither_it_nor_a_key(
    places: Places, tmp_path: Path, engine: str
) -> None:
    place, file = places.on(engine, "source"), tmp_path / "backup"
    filled = fill(place)
    run = run_wayvo("backup", "--to", file, folder=tmp_path, variables=place.variables)
    assert run.returncode == 0, run.stderr
    assert f"THE ROOT SECRET IS NOT IN THE BACKUP (its fingerprint is {FINGERPRINT})" in run.stderr
    assert "It is in WAYVO_SECRET_KEY. Keep a copy of it" in run.stderr
    with zipfile.ZipFile(file) as archive:
        held = b"".join(archive.read(name) for name in archive.namelist())
    for secret in (ROOT_SECRET, filled.operator, *filled.verdicts):
        assert secret.encode() not in held
        assert secret not in run.stdout + run.stderr


def test_a_backup_names_the_file_that_the_secret_is_in_or_should_be_in(tmp_path: Path) -> None:
    in_data = {"WAYVO_DATA_DIR": "data"}
    init = ("init", "--organization", "Acme", "--email", "a@acme.example")
    assert run_wayvo(*init, folder=tmp_path, variables=in_data, shows_key=True).returncode == 0
    run = run_wayvo("backup", "--to", "one", folder=tmp_path, variables=in_data)
    assert "It is in data/secret.key. Keep a copy of it" in run.stderr
    (tmp_path / "data" / "secret.key").unlink()
    run = run_wayvo("backup", "--to", "two", folder=tmp_path, variables=in_data)
    assert (run.returncode, "Nor is it in data/secret.key. Find it" in run.stderr) == (0, True)


def test_only_its_owner_can_read_a_backup(places: Places, tmp_path: Path) -> None:
    place, file = places.on_sqlite("source"), tmp_path / "backup"
    fill(place)
    before = os.umask(0)
    try:
        run = run_wayvo("backup", "--to", file, folder=tmp_path, variables=place.variables)
    finally:
        os.umask(before)
    assert run.returncode == 0, run.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_backup_overwrites_nothing(places: Places, tmp_path: Path) -> None:
    place, file = places.on_sqlite("source"), tmp_path / "backup"
    fill(place)
    file.write_bytes(b"precious")
    run = run_wayvo("backup", "--to", file, folder=tmp_path, variables=place.variables)
    assert (run.returncode, run.stderr) == (6, f"Error: {file} is there already; a backup does not overwrite.\n")
    assert file.read_bytes() == b"precious"


def test_a_backup_that_is_killed_is_not_there(places: Places, tmp_path: Path) -> None:
    place, file = places.on_sqlite("source"), tmp_path / "backup"
    fill(place, keys=5000)
    with HeldCommand("backup", "--to", file, folder=tmp_path, variables=place.variables) as backing_up:
        backing_up.hold_at(r"api_keys: 2000\b")
        backing_up.kill()
    assert not file.exists()
    (draft,) = tmp_path.glob("backup.*")
    assert (draft.suffix, stat.S_IMODE(draft.stat().st_mode)) == (".part", 0o600)
    run = run_wayvo("backup", "--to", file, folder=tmp_path, variables=place.variables)
    assert run.returncode == 0, run.stderr
    assert content(restored(places, file)) == content(place)


def test_a_backup_that_does_not_fit_leaves_nothing(places: Places, tmp_path: Path) -> None:
    place, file = places.on_sqlite("source"), tmp_path / "backup"
    fill(place, keys=5000)

    def limit_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    run = subprocess.run(
        [WAYVO, "backup", "--to", file],
        env=environment(place.variables),
        capture_output=True,
        encoding="utf-8",
        check=False,
        preexec_fn=limit_files,
    )
    assert run.returncode == 1
    assert run.stderr.endswith(f"Error: {file} can't be written: File too large. Nothing was backed up.\n")
    assert list(tmp_path.glob("backup*")) == []


def test_where_nothing_is_nothing_is_backed_up_or_made(tmp_path: Path) -> None:
    run = run_wayvo("backup", "--to", "backup", folder=tmp_path, variables={"WAYVO_DATA_DIR": "data"})
    assert (run.returncode, run.stderr) == (5, "Error: There is no database at data/wayvo.db.\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.needs("postgresql")
def test_a_database_without_an_installation_is_not_backed_up(places: Places, tmp_path: Path) -> None:
    place = places.on_postgresql("source")
    run = run_wayvo("backup", "--to", "backup", folder=tmp_path, variables=place.variables)
    assert (run.returncode, "The database has no schema yet" in run.stderr) == (2, True)
    assert run_wayvo("migrate", folder=tmp_path, variables=place.variables).returncode == 0


def test_a_server_that_is_not_there_is_told_without_its_password(tmp_path: Path) -> None:
    variables = {"WAYVO_DATABASE_URL": "postgresql://wayvo:hunter2hunter2@127.0.0.1:1/wayvo"}
    run = run_wayvo("backup", "--to", "backup", folder=tmp_path, variables=variables)
    assert (run.returncode, run.stdout) == (8, "")
    assert "Connection refused. Nothing was backed up." in run.stderr
    assert "hunter2" not in run.stderr
    assert list(tmp_path.iterdir()) == []
