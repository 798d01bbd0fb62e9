"""The data folder: the database file, the root secret beside it, and the lock that admits one server."""

import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from wayvo.core.credentials.digest import ROOT_SECRET_BYTES

SECRET_FILE: Final = "secret.key"  # noqa: S105 - a file's name
LOCK_FILE: Final = "wayvo.lock"


class DataFolderError(Exception):
    """The folder can't be used; the message says why and what to do."""


class DataFolder:
    """A folder that only its owner can read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise DataFolderError(f"The data folder {path} can't be made: {error.strerror}.") from error

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for this server; the lock ends with the process, however it ends."""
        with (self.path / LOCK_FILE).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise DataFolderError(
                    f"Another server runs on the data folder {self.path}. Stop it, or choose another --data-dir."
                ) from error
            yield

    def secret(self, entropy: Callable[[int], bytes], *, may_create: bool) -> bytes:
        """Return the root secret kept in the folder, made at the first start.

        A new secret beside an old database would make every credential unknown: then it is an error that it is gone.
        """
        path = self.path / SECRET_FILE
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except FileNotFoundError:
            if not may_create:
                raise DataFolderError(
                    f"{path} is gone, and with it every credential in the database. Restore it from its backup."
                ) from None
            return self._create_secret(path, entropy(ROOT_SECRET_BYTES))
        if mode & 0o077:
            raise DataFolderError(f"{path} can be read by others (mode {mode:04o}). Run: chmod 600 {path}")
        try:
            return bytes.fromhex(path.read_text(encoding="ascii").strip())
        except ValueError as error:
            raise DataFolderError(
                f"{path} does not hold a secret in hexadecimal. Restore it from its backup."
            ) from error

    def _create_secret(self, path: Path, secret: bytes) -> bytes:
        # Whole and durable under its name, or not there at all: the database's digests hang on it.
        draft = path.with_suffix(".new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(descriptor, secret.hex().encode() + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        draft.rename(path)
        folder = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return secret
