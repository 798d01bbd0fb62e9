"""A proxy of each kind between a client, Wayvo and an upstream."""

from collections.abc import Iterator

import pytest
from sqlalchemy import make_url

from tests.harness.proxy import Proxy
from tests.harness.server import RunningServer
from tests.proxies.running import KINDS, Kind, running
from tests.proxies.upstream import Upstream
from tests.proxies.visitor import ORDERS, Visitor
from tests.services.plugin import require


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each kind of proxy in turn."""
    require(request.param)
    return KINDS[request.param]


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    """The API that is to be protected."""
    with Upstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def wayvo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Wayvo, which trusts the proxies and knows the API."""
    with RunningServer(tmp_path_factory.mktemp("server"), WAYVO_TRUSTED_PROXIES="127.0.0.1/32,127.0.0.6/32") as server:
        scopes = [{"name": "orders:read"}, {"name": "orders:write"}]
        created = server.client().post("/v1/apis", json={"audience": ORDERS, "name": "Orders", "scopes": scopes})
        assert created.status_code == 201
        yield server


@pytest.fixture(scope="module")
def wire(wayvo: RunningServer) -> Iterator[Proxy]:
    """The wire on which the proxies ask Wayvo."""
    with Proxy(wayvo.url) as wire:
        yield wire


@pytest.fixture(scope="module")
def visitor(kind: Kind, wire: Proxy, upstream: Upstream) -> Iterator[Visitor]:
    """A client of the API, with a proxy of each kind before it."""
    port = make_url(wire.url).port
    assert port is not None
    with running(kind, port, upstream.port) as url:
        yield Visitor(url, upstream)
