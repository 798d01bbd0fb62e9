"""``kill -9`` in the middle of a load of writes, again and again, at other moments each time."""

import os
from pathlib import Path

import pytest

from tests.integration.kill9 import rounds


@pytest.mark.soak
def test_a_server_killed_twelve_times_has_lost_no_acknowledged_write_and_done_nothing_by_half(tmp_path: Path) -> None:
    seed = int(os.environ.get("SOAK_SEED") or int.from_bytes(os.urandom(4)))
    rounds(tmp_path, count=12, writes=(100, 700), seed=seed)
