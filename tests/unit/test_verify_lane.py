"""The machine doors when the store does not answer: never a guess, always a whole answer."""

import asyncio

import httpx
import pytest

from tests.unit.credential_records import Stored, credential, digester, record
from wayvo.core.credentials.format import prefixes_of
from wayvo.core.networks import compile_networks
from wayvo.edge.request_id import RequestId, RequestIds
from wayvo.gate.asgi import Lane
from wayvo.gate.forward_auth import NOBODY, ForwardAuthHandler
from wayvo.gate.lanes import LaneHandler
from wayvo.gate.verify import MAX_BODY_BYTES, VerifyHandler
from wayvo.gate.wire import Problems
from wayvo.store.database import DatabaseBusy, DatabaseUnavailable
from wayvo.verify.cache import Cache
from wayvo.verify.cells import Cells
from wayvo.verify.filler import Filler
from wayvo.verify.handler import Verifier
from wayvo.verify.meter import Meter
from wayvo.verify.snapshot import Compiler

KEY = credential(1)


class Part:
    """Both machine doors on a store in memory."""

    def __init__(self) -> None:
        self.source = Stored(record(KEY))
        self.is_up_to_date = True
        cells = Cells()
        cache = Cache(cells, 100)
        verifier = Verifier(
            prefixes=prefixes_of("wv"),
            digester=digester,
            cache=cache,
            filler=Filler(self.source, cache, Compiler(cells), ()),
            meter=Meter(),
            clock=lambda: 7,
            may_trust=lambda: self.is_up_to_date,
        )
        problems, nobody_trusted = Problems("http://wayvo.example"), compile_networks([])
        forward_auth = ForwardAuthHandler(verifier, problems, nobody_trusted)
        verify = VerifyHandler(verifier, problems, nobody_trusted)
        self._doors = {
            "/v1/forward-auth": Lane(
                LaneHandler("/v1/forward-auth", forward_auth, None, always=NOBODY), verifier, problems
            ),
            "/v1/verify": Lane(LaneHandler("/v1/verify", verify, MAX_BODY_BYTES), verifier, problems),
        }

    def ask(self, path: str) -> httpx.Response:
        async def ask() -> httpx.Response:
            application = RequestId(self._doors[path], RequestIds(bytes, compile_networks([])))
            transport = httpx.ASGITransport(application)
            async with httpx.AsyncClient(transport=transport, base_url="http://wayvo.example") as client:
                headers = {"Authorization": f"Bearer {KEY.decode()}", "Wayvo-Credential": KEY.decode()}
                return await client.get(path, headers=headers)

        return asyncio.run(ask())


both_doors = pytest.mark.parametrize("path", ["/v1/forward-auth", "/v1/verify"])


def assert_is_503(answer: httpx.Response, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (503, code)
    assert answer.headers["Retry-After"] == "1"
    assert "WWW-Authenticate" not in answer.headers, "nothing is wrong with the credential"
    if answer.request.url.path == "/v1/forward-auth":
        assert {answer.headers[name.decode()] for name, _ in NOBODY} == {""}


@both_doors
@pytest.mark.parametrize(
    ("failure", "code"), [(DatabaseBusy, "overloaded"), (DatabaseUnavailable, "storage_unavailable")]
)
def test_a_store_that_does_not_answer_is_no_denial(path: str, failure: type[Exception], code: str) -> None:
    part = Part()
    part.source.failure = failure("SQLITE_BUSY")
    assert_is_503(part.ask(path), code)
    part.source.failure = None
    # Nothing was remembered of it: the key exists, if for another audience.
    assert part.ask(path).json()["code"] in ("wrong_audience", "insufficient_scope")


@both_doors
def test_what_may_be_out_of_date_decides_nothing(path: str) -> None:
    part = Part()
    part.ask(path)
    part.is_up_to_date = False
    assert_is_503(part.ask(path), "unavailable")
