"""The data folder: a root secret that only its owner reads, and one server at a time."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.server import RunningServer
from wayvo.services.root_secret import WrongSecret
from wayvo.store.data_folder import SECRET_FILE, DataFolder, DataFolderError


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def numbered(number: int) -> Callable[[int], bytes]:
    """Return a source of bytes that are all the same."""
    return lambda size: bytes([number]) * size


def test_what_a_server_makes_only_its_owner_can_read(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    before = os.umask(0)
    try:
        with RunningServer(folder):
            found = {path.name: mode(path) for path in folder.iterdir()}
    finally:
        os.umask(before)
    assert mode(folder) == 0o700
    assert found[SECRET_FILE] == 0o600
    assert {name: oct(bits) for name, bits in found.items() if name.startswith("wayvo.db") and bits & 0o077} == {}


def test_the_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    first = folder.secret(numbered(1), may_create=True)
    assert folder.secret(numbered(2), may_create=True) == first
    assert folder.secret(numbered(2), may_create=False) == first
    assert [path.name for path in tmp_path.iterdir()] == [SECRET_FILE]


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601])
def test_a_secret_that_others_can_touch_is_refused_with_the_mend(tmp_path: Path, bits: int) -> None:
    folder = DataFolder(tmp_path)
    folder.secret(numbered(1), may_create=True)
    path = tmp_path / SECRET_FILE
    path.chmod(bits)
    with pytest.raises(DataFolderError, match=rf"mode {bits:04o}\). Run: chmod 600 {path}"):
        folder.secret(numbered(1), may_create=True)


@pytest.mark.parametrize("content", [b"", b"\n", b"abcdef", b"ab" * 15])
def test_a_secret_that_was_cut_off_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / SECRET_FILE
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(DataFolderError, match=r"does not hold"):
        DataFolder(tmp_path).secret(numbered(1), may_create=True)


def test_a_secret_that_is_gone_beside_its_database_is_not_made_anew(tmp_path: Path) -> None:
    with RunningServer(tmp_path):
        pass
    kept = (tmp_path / SECRET_FILE).read_bytes()
    (tmp_path / SECRET_FILE).unlink()
    with (
        pytest.raises(DataFolderError, match=r"secret\.key is gone, and with it every credential"),
        RunningServer(tmp_path),
    ):
        pass
    assert not (tmp_path / SECRET_FILE).exists()
    (tmp_path / SECRET_FILE).touch(mode=0o600)
    (tmp_path / SECRET_FILE).write_bytes(kept)
    with RunningServer(tmp_path) as server:
        assert server.client(None).get("/readyz").status_code == 200


def test_another_secret_beside_a_database_is_refused(tmp_path: Path) -> None:
    with RunningServer(tmp_path):
        pass
    (tmp_path / SECRET_FILE).write_text("cd" * 32)
    with pytest.raises(WrongSecret, match="root secret"), RunningServer(tmp_path):
        pass


def test_a_second_server_on_one_folder_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    with RunningServer(tmp_path) as first:
        with pytest.raises(DataFolderError, match="Another server runs on the data folder"), RunningServer(tmp_path):
            pass
        assert first.client().get("/v1/whoami").status_code == 200
    with RunningServer(tmp_path) as next_one:
        assert next_one.client(first.key).get("/v1/whoami").status_code == 200


def test_the_lock_is_free_again_when_its_holder_ends(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    for _ in range(2):
        with folder.lock(), pytest.raises(DataFolderError), DataFolder(tmp_path).lock():
            pass
