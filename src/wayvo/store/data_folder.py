"""The data folder: the database file, the root secret beside it, and the lock that admits one server."""

import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp
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
        path = self.path / LOCK_FILE
        with ExitStack() as stack:
            try:
                file = stack.enter_context(path.open("w"))
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise DataFolderError(
                    f"Another server runs on the data folder {self.path}. Stop it, or choose another --data-dir."
                ) from error
            except OSError as error:
                raise DataFolderError(f"{path} can't be written: {error.strerror}.") from error
            yield

    def secret(self, entropy: Callable[[int], bytes], *, may_create: bool) -> bytes:
        """Return the root secret kept in the folder, made at the first start: text, as WAYVO_SECRET_KEY takes it.

        A new secret beside an old database would make every credential unknown: then it is an error that it is gone.
        """
        path = self.path / SECRET_FILE
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except FileNotFoundError:
            if not may_create:
                raise DataFolderError(
                    f"{path} is gone, and with it every credential in the database. Restore it from its backup, or "
                    "give WAYVO_SECRET_KEY if the secret was kept there."
                ) from None
            self._create_secret(path, entropy(ROOT_SECRET_BYTES).hex().encode())
            mode = 0
        if mode & 0o077:
            raise DataFolderError(f"{path} can be read by others (mode {mode:04o}). Run: chmod 600 {path}")
        try:
            secret = path.read_bytes().strip()
        except OSError as error:
            raise DataFolderError(f"{path} can't be read: {error.strerror}.") from error
        if len(secret) < ROOT_SECRET_BYTES:
            raise DataFolderError(f"{path} does not hold a whole secret. Restore it from its backup.")
        return secret

    def _create_secret(self, path: Path, secret: bytes) -> None:
        # Whole and durable under its name, or not there at all: the database's digests hang on it. Of two processes
        # that start at once (`wayvo serve` and `wayvo init`), the second takes the first one's.
        descriptor, name = mkstemp(dir=self.path, prefix=SECRET_FILE)
        draft = Path(name)
        try:
            os.write(descriptor, secret + b"\n")
            os.fsync(descriptor)
            with suppress(FileExistsError):
                path.hardlink_to(draft)
        finally:
            os.close(descriptor)
            draft.unlink()
        folder = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
