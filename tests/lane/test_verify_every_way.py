"""Whatever is promised of ``/v1/verify`` holds without the fast lane, and when requests come byte by byte."""

from collections.abc import Iterator

import pytest

from tests.lane.ways import all_ways
from tests.wire import test_verify as promises
from tests.wire.doors import Doors

globals().update({name: test for name, test in vars(promises).items() if name.startswith("test_")})


@pytest.fixture(scope="module", params=["asgi", "cut", "asgi_cut"])
def doors(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """The server of those tests, served another way."""
    opened = Doors(tmp_path_factory.mktemp("server"))
    with opened.server, all_ways(opened.server, tmp_path_factory.mktemp("tls")) as ways:
        ways.cuts.is_minced = True
        opened.server.url = f"http://127.0.0.1:{getattr(ways, request.param)}"
        opened.open()
        opened.create_api(promises.INVOICES, "invoices:read", "invoices:write")
        opened.create_api(promises.ORDERS, "orders:read")
        opened.asker = opened.let_ask_about(promises.INVOICES, promises.ORDERS)
        yield opened


def test_there_are_promises() -> None:
    assert sum(name.startswith("test_") for name in globals()) > 15
