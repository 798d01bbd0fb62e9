"""Nodes for the tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.engine import OnPostgresql
from tests.harness.nodes import Node, Nodes
from tests.harness.proxy import Proxy


@pytest.fixture
def database_url(on_postgresql: OnPostgresql) -> Iterator[str]:
    """A database for this test alone."""
    with on_postgresql.database() as url:
        yield url


@pytest.fixture
def proxy(database_url: str) -> Iterator[Proxy]:
    """A wire to the nodes' database."""
    with Proxy(database_url) as wire:
        yield wire


@pytest.fixture
def nodes(database_url: str, proxy: Proxy, tmp_path: Path) -> Iterator[Nodes]:
    """An installation without a node yet. Its nodes end before the wire does, which those may use that are told to."""
    del proxy
    with Nodes(tmp_path, database_url) as started:
        yield started


@pytest.fixture(scope="module")
def pair_url(on_postgresql: OnPostgresql) -> Iterator[str]:
    """A database for the tests of a file."""
    with on_postgresql.database() as url:
        yield url


@pytest.fixture(scope="module")
def pair(pair_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Node]]:
    """Two nodes for the tests of a file, which must not stand in each other's way."""
    with Nodes(tmp_path_factory.mktemp("nodes"), pair_url) as started:
        yield started.start(), started.start()
