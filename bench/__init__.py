"""Measurements, where tests only say what must be possible. Run one with ``python -m bench.<name>`` from the root."""

import sys


def say(line: str) -> None:
    """Print a line of the result."""
    sys.stdout.write(f"{line}\n")
