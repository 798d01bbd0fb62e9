"""How long after its acknowledgement a change is in force on another node: a thousand trials of each kind."""

import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from tests.harness.engine import OnPostgresql
from tests.harness.nodes import Node, Nodes
from tests.nodes.narrowings import IN_FORCE_SECONDS, NARROWINGS, Narrowing, seconds_until_in_force

pytestmark = [pytest.mark.soak, pytest.mark.needs("postgresql")]

TRIALS = 1000


@pytest.fixture(scope="module")
def pair(on_postgresql: OnPostgresql, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Node]]:
    """Two nodes."""
    folder: Path = tmp_path_factory.mktemp("nodes")
    with on_postgresql.database() as url, Nodes(folder, url) as nodes:
        yield nodes.start(), nodes.start()


@pytest.mark.parametrize("narrowing", NARROWINGS, ids=lambda narrowing: narrowing.name)
def test_what_ends_or_narrows_a_key_is_in_force_on_another_node_within_a_second(
    pair: tuple[Node, Node], narrowing: Narrowing, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = [seconds_until_in_force(narrowing, *pair) for _ in range(TRIALS)]
    with capsys.disabled():
        sys.stdout.write(
            f"\n{narrowing.name}: in force on the other node after {median(seconds) * 1000:.1f} ms (median), "
            f"{max(seconds) * 1000:.1f} ms (maximum of {TRIALS})\n"
        )
    assert max(seconds) <= IN_FORCE_SECONDS
