"""``kill -9`` of nodes and of PostgreSQL under a mixed load (two hundred of them are a soak test)."""

from pathlib import Path

import pytest

from tests.integration.nodes_kill9 import soak


@pytest.mark.needs("postgresql")
def test_killed_nodes_and_databases_lose_nothing_acknowledged_and_honour_nothing_revoked(tmp_path: Path) -> None:
    soak(tmp_path, kills=5, answers=(20, 120), seed=2)
