"""Runs a program in a temporary folder of its own for exactly as long as a context lasts."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

# The program lives as long as this guardian, and the guardian as long as its standard input: however the tests end,
# nothing is left behind.
GUARDIAN = r"""
folder=$1
shift
cd "$folder" || exit 1
"$@" > log 2>&1 < /dev/null &
program=$!
trap 'kill "$program"; wait "$program"; cd /; rm -rf "$folder"' EXIT
echo started
read -r _
"""


@contextmanager
def guarded(folder: Path, command: Sequence[str]) -> Iterator[None]:
    """Run ``command`` in ``folder``, which is removed with it; what it says is in the file ``log`` there."""
    guardian = subprocess.Popen(
        ["sh", "-c", GUARDIAN, "guardian", str(folder), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=folder,
        start_new_session=True,  # out of reach of a Ctrl-C in the terminal
    )
    with guardian:
        assert guardian.stdout is not None
        assert guardian.stdout.readline() == b"started\n"
        yield
        # Leaving closes its standard input and waits for it.
