"""Two hundred ``kill -9`` of nodes and of PostgreSQL under a mixed load. ``SOAK_SEED`` replays the choices of a run."""

import os
import sys
from pathlib import Path

import pytest

from tests.integration.nodes_kill9 import soak


@pytest.mark.soak
@pytest.mark.needs("postgresql")
def test_two_hundred_kills_lose_nothing_acknowledged_and_honour_nothing_revoked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get("SOAK_SEED") or int.from_bytes(os.urandom(4)))

    def say(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{line}\n")
            sys.stdout.flush()

    soak(tmp_path, kills=200, answers=(20, 400), seed=seed, say=say)
