"""``kill -9`` in the middle of a load of writes loses nothing that was acknowledged (the long loop is a soak test)."""

from pathlib import Path

from tests.integration.kill9 import rounds


def test_a_killed_server_has_lost_no_acknowledged_write_and_done_nothing_by_half(tmp_path: Path) -> None:
    rounds(tmp_path, count=2, writes=(40, 160), seed=1)
