"""An API's operations behind each proxy: what the client does decides, and nothing that it says of itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.harness.proxy import Proxy
from tests.harness.server import RunningServer
from tests.proxies.running import Kind, port_of, running
from tests.proxies.upstream import Upstream
from tests.proxies.visitor import ORDERS, Headers, Visitor, key_for_orders

TELL: Final = ("nginx", "caddy", "traefik")
"""The proxies that tell Wayvo what the client does. Of the others it knows nothing, and denies everything."""

OPERATIONS: Final = [
    {"methods": ["GET"], "path": "/orders/{id}", "scopes": ["orders:read"]},
    {"methods": ["POST"], "path": "/orders", "scopes": ["orders:write"]},
]


def _without_scopes(folder: Path) -> None:
    changed = 0
    for file in folder.iterdir():
        if file.is_file() and file.suffix in ("", ".conf", ".cfg", ".yaml"):
            text = file.read_text(encoding="utf-8")
            changed += text.count("&scopes=orders:read")
            file.write_text(text.replace("&scopes=orders:read", ""), encoding="utf-8")
    assert changed == 1


@pytest.fixture(scope="module")
def visitor(kind: Kind, wire: Proxy, wayvo: RunningServer, upstream: Upstream) -> Iterator[Visitor]:
    """A client of the API, whose operations decide, with a proxy of each kind before it."""
    operator = wayvo.client()
    (api,) = [api["id"] for api in operator.get("/v1/apis").json()["data"] if api["audience"] == ORDERS]
    operator.patch(f"/v1/apis/{api}", json={"operations": OPERATIONS}).raise_for_status()
    with running(kind, port_of(wire.url), upstream.port, _without_scopes) as url:
        yield Visitor(url, upstream)


@pytest.mark.parametrize(
    ("method", "target", "passes"),
    [
        ("GET", "/orders/17", True),
        ("GET", "/orders/17?a=/../b", True),
        ("GET", "/orders/%317", True),
        ("HEAD", "/orders/17", False),
        ("DELETE", "/orders/17", False),
        ("POST", "/orders", False),
        ("GET", "/orders", False),
        ("GET", "/orders/17/", False),
        ("GET", "/orders/a%2Fb", False),
        ("GET", "/orders/a;b", False),
    ],
)
def test_what_the_client_does_decides(
    kind: Kind, visitor: Visitor, wayvo: RunningServer, method: str, target: str, passes: bool
) -> None:
    answer, got = visitor.ask(key_for_orders(wayvo), target, method=method)
    if passes and kind.name in TELL:
        assert (answer.status_code, got is None) == (200, False)
    else:
        assert (answer.status_code, got) == (403, None)


@pytest.mark.parametrize(
    "headers",
    [
        [(f"X-{pair}-Method", "GET"), (f"X-{pair}-{uri}", "/orders/17")]
        for pair, uri in (("Forwarded", "Uri"), ("Original", "URI"))
    ],
)
def test_what_the_client_says_that_it_does_opens_nothing(
    visitor: Visitor, wayvo: RunningServer, headers: Headers
) -> None:
    answer, got = visitor.ask(key_for_orders(wayvo), "/orders/17", method="DELETE", headers=headers)
    assert (answer.status_code, got) == (403, None)
