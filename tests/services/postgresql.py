"""PostgreSQL: the machine's programs, run as a private server in a temporary folder on a free loopback port."""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.services import debian
from tests.services.service import Service

PROGRAMS = ("initdb", "pg_ctl", "postgres")

# The server lives exactly as long as this guardian, and the guardian as long as its standard input: however the tests
# end, nothing is left behind.
GUARDIAN = r"""
bin=$1 folder=$2 options=$3
cd "$folder" || exit 1
trap '"$bin/pg_ctl" -D data -m immediate -w stop > stop.log 2>&1; cd /; rm -rf "$folder"' EXIT
"$bin/initdb" -D data -U wayvo -E UTF8 --locale=C --no-sync --auth=scram-sha-256 --pwfile=password > log 2>&1 &&
  "$bin/pg_ctl" -D data -w -t 60 -l log -o "$options" start > start.log 2>&1 ||
  { cat log start.log; exit 1; }
echo ready
read -r _
"""
OPTIONS = ("listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200")
# Most of what tests write need not survive a crash.
FORGETFUL = ("fsync=off", "full_page_writes=off")


@cache
def find() -> Path | None:
    """Return the folder of the server's programs, or None."""
    candidates = [Path(folder) for folder in os.get_exec_path()]
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    candidates.append(Path("/usr/local/bin"))
    return next((folder for folder in candidates if _is_usable(folder)), None)


def install() -> str | None:
    """Install the server's programs from Debian. Return what stood in the way, or None."""
    # The package would make a cluster of its own and serve it on the usual port: nobody asked for that.
    preset = Path("/etc/postgresql-common/createcluster.conf")
    if os.geteuid() == 0 and shutil.which("apt-get") and not preset.exists():
        preset.parent.mkdir(exist_ok=True)
        preset.write_text("# Written by Wayvo's tests, which run private servers only.\ncreate_main_cluster = false\n")
    obstacle = debian.install("postgresql")
    find.cache_clear()
    return obstacle


@contextmanager
def running(*, is_durable: bool = False) -> Iterator[str]:
    """Run a server; yield the SQLAlchemy URL of its database. ``find`` must have found the programs.

    One that is durable writes to the disk what it commits, as it does for everybody else.
    """
    programs = find()
    assert programs is not None
    folder = Path(tempfile.mkdtemp(prefix="wayvo-postgresql-"))
    password = secrets.token_urlsafe(16)
    (folder / "password").write_text(password)
    account = _account()
    if account is not None:
        for path in (folder, folder / "password"):
            shutil.chown(path, account)
    port = _free_port()
    settings = (*OPTIONS, f"port={port}", *(() if is_durable else FORGETFUL))
    options = " ".join(f"-c {setting}" for setting in settings)
    guardian = subprocess.Popen(
        _as_account("sh", "-c", GUARDIAN, "guardian", str(programs), str(folder), options),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
        start_new_session=True,  # out of reach of a Ctrl-C in the terminal
    )
    with guardian:
        assert guardian.stdin is not None
        assert guardian.stdout is not None
        first = guardian.stdout.readline()
        if first != "ready\n":
            raise RuntimeError(f"PostgreSQL did not start:\n{first}{guardian.stdout.read()}")
        yield f"postgresql+psycopg://wayvo:{password}@127.0.0.1:{port}/postgres"
        # Leaving closes its standard input and waits for it.


def _is_usable(folder: Path) -> bool:
    if not all(os.access(folder / program, os.X_OK) for program in PROGRAMS):
        return False
    # The server's account, not this one, has to be able to run it.
    version = _as_account(str(folder / "postgres"), "--version")
    return subprocess.run(version, capture_output=True, cwd="/", check=False).returncode == 0


def _version(folder: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in folder.parent.name.split(".") if part.isdigit())


def _account() -> str | None:
    """Return whom the server runs as, or None for this process's own user: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    accounts = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in accounts else "nobody"


def _as_account(*command: str) -> list[str]:
    account = _account()
    return [*command] if account is None else ["runuser", "-u", account, "--", *command]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _where() -> str | None:
    folder = find()
    return None if folder is None else str(folder)


POSTGRESQL = Service("postgresql", _where, install)
