"""The answer to a request is the same whichever way it came: by the lane, by ASGI, over TLS, from a cold cache."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.harness.server import RunningServer
from tests.lane.catalogue import AUTH, Keys, bearer, question, raw
from tests.lane.connection import exchange
from tests.lane.ways import Ways, cool
from tests.wire.doors import Doors

Answers = Mapping[str, tuple[bytes, bool]]
"""By the request's name: what came, and whether it ended the connection."""


@pytest.fixture(scope="module")
def by_lane(ways: Ways, catalogue: dict[str, bytes]) -> Answers:
    """What the lane answers, each request on a connection of its own, and everything that it asks about in memory."""
    for request in catalogue.values():
        exchange(ways.asgi, request)
    return {name: exchange(ways.lane, request) for name, request in catalogue.items()}


def differing(expected: Answers, answered: Answers) -> dict[str, tuple[tuple[bytes, bool], tuple[bytes, bool]]]:
    return {name: (expected[name], answer) for name, answer in answered.items() if answer != expected[name]}


def test_the_ordinary_way_gives_the_lanes_answers(ways: Ways, catalogue: dict[str, bytes], by_lane: Answers) -> None:
    by_asgi = {name: exchange(ways.asgi, request) for name, request in catalogue.items()}
    assert differing(by_lane, by_asgi) == {}


def test_over_tls_the_answers_are_the_same(ways: Ways, catalogue: dict[str, bytes], by_lane: Answers) -> None:
    by_tls = {name: exchange(ways.over_tls, request, ways.tls) for name, request in catalogue.items()}
    assert differing(by_lane, by_tls) == {}


def test_the_requests_that_are_compared_meet_every_kind_of_answer(by_lane: Answers) -> None:
    statuses = {answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")[9:12] for answer, _ in by_lane.values()}
    assert statuses == {b"200", b"204", b"400", b"401", b"403", b"404", b"405", b"413", b"422"}
    assert any(answer.startswith(b"HTTP/1.1 100 ") for answer, _ in by_lane.values())


@pytest.mark.parametrize("port", ["lane", "cut", "asgi"])
@pytest.mark.parametrize(
    "code",
    [
        "valid",
        "valid, of a user",
        "unknown",
        "revoked",
        "revoked, of a user who left",
        "organization_disabled",
        "expired",
        "wrong_audience",
        "network_denied",
    ],
)
def test_what_is_not_in_memory_is_answered_as_if_it_were(
    doors: Doors, ways: Ways, keys: Keys, code: str, port: str
) -> None:
    credential = keys.by_verdict[code]
    body = question(credential)
    for request, is_asked in (
        (raw(f"GET {AUTH}", bearer(credential)), False),
        (raw(f"POST {AUTH}", bearer(credential), body=b"x" * 70_000), False),
        (raw("POST /v1/verify", bearer(keys.asker), body=body), True),
        (raw("POST /v1/verify", bearer(keys.asker), "Expect: 100-continue", body=body), True),
        (raw("POST /v1/verify", bearer(keys.asker), "Connection: close", body=body), True),
        (raw("GET /v1/verify", bearer(keys.asker), f"Wayvo-Credential: {credential}"), True),
        (raw("POST /v1/verify", bearer(credential), body=body), False),
    ):
        exchange(ways.lane, request)
        warm = exchange(ways.lane, request)
        known = [credential, keys.asker] if is_asked else [credential]
        before = cool(doors.server, *known)
        assert exchange(getattr(ways, port), request) == warm
        assert cool(doors.server) > before, "it was in memory"


@pytest.mark.parametrize(("setting", "lanes"), [("false", []), ("true", ["/v1/verify", "/v1/forward-auth"])])
def test_the_fast_lane_can_be_left_out(tmp_path: Path, setting: str, lanes: list[str]) -> None:
    with RunningServer(tmp_path / "data", WAYVO_FAST_LANE=setting) as server:
        assert [lane.path for lane in server.door.guard.lanes.all] == lanes
        assert server.client(None).get("/v1/forward-auth").status_code == 401
