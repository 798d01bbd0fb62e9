"""Fixtures of the lane's tests."""

from collections.abc import Iterator

import pytest

from tests.lane.catalogue import Keys, requests
from tests.lane.ways import Ways, all_ways
from tests.wire.doors import Doors


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """A server behind a trusted proxy, which is this test."""
    opened = Doors(tmp_path_factory.mktemp("server"))
    with opened.server:
        opened.open()
        yield opened


@pytest.fixture(scope="module")
def keys(doors: Doors) -> Keys:
    """A credential for each verdict."""
    return Keys(doors)


@pytest.fixture(scope="module")
def catalogue(keys: Keys) -> dict[str, bytes]:
    """Every request by its name."""
    return requests(keys)


@pytest.fixture(scope="module")
def ways(doors: Doors, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ways]:
    """The same application, served every way."""
    with all_ways(doors.server, tmp_path_factory.mktemp("tls")) as served:
        yield served
