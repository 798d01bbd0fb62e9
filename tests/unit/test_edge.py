"""The edge: every request has an id, a line in the log, and an answer, whatever fails behind it."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from wayvo.core.networks import compile_networks
from wayvo.edge.access_log import AccessLog
from wayvo.edge.asgi import ROUTE, Application, Message, Receive, Scope, Send, request_id_of
from wayvo.edge.dispatch import Dispatch
from wayvo.edge.request_id import RequestId, RequestIds
from wayvo.edge.security_headers import SecurityHeaders

TRUSTED = compile_networks(("10.0.0.0/8",))
ROOT = Path(__file__).parents[2]
PUBLIC_URL = "https://keys.example.com"


class Answered:
    """What an application sent."""

    def __init__(self, messages: list[Message]) -> None:
        self.status: int = messages[0]["status"]
        self.headers = [(name.decode(), value.decode()) for name, value in messages[0]["headers"]]
        self.body = b"".join(message.get("body", b"") for message in messages[1:])

    def all(self, name: str) -> list[str]:
        """Return every value of a header."""
        return [value for candidate, value in self.headers if candidate == name]


def ask(application: Application, *, path: str = "/", peer: str | None = "10.0.0.1", **headers: str) -> Answered:
    """Ask an application as the server would."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()],
        "client": None if peer is None else (peer, 40_000),
    }
    asyncio.run(run(application, scope, receive, send))
    return Answered(sent)


async def run(application: Application, scope: Scope, receive: Receive, send: Send) -> None:
    await application(scope, receive, send)


def answering(tell: Callable[[Scope], str] = request_id_of, **headers: str) -> Application:
    """Return an application whose body is what ``tell`` says of the request."""

    async def application(scope: Scope, _receive: Receive, send: Send) -> None:
        pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": 200, "headers": pairs})
        await send({"type": "http.response.body", "body": tell(scope).encode()})

    return application


def failing(error: BaseException, *, after: int = 0) -> Application:
    """Return an application that fails after it sent so many messages."""

    async def application(_scope: Scope, _receive: Receive, send: Send) -> None:
        messages: list[Message] = [
            {"type": "http.response.start", "status": 200, "headers": []},
            {"type": "http.response.body", "body": b"half", "more_body": True},
        ]
        for message in messages[:after]:
            await send(message)
        raise error

    return application


# ---------------------------------------------------------------- request ids


def numbered(application: Application) -> RequestId:
    drawn = iter(range(100))
    return RequestId(application, RequestIds(lambda count: next(drawn).to_bytes(count), TRUSTED))


def test_every_request_has_an_id_of_its_own_that_the_answer_carries() -> None:
    application = numbered(answering())
    for number in range(2):
        answer = ask(application)
        assert answer.body.decode() == f"req_{number:024x}"
        assert answer.all("x-request-id") == [answer.body.decode()]


@pytest.mark.parametrize(
    ("peer", "given", "is_taken"),
    [
        ("10.0.0.1", "abcdefgh", True),
        ("10.0.0.1", "A-Z_0-9" * 9, True),
        ("10.0.0.1", "x" * 64, True),
        ("10.0.0.1", "x" * 65, False),
        ("10.0.0.1", "x" * 7, False),
        ("10.0.0.1", "with space", False),
        ("10.0.0.1", "line\nbreak", False),
        ("10.0.0.1", "straße-12", False),
        ("192.0.2.1", "abcdefgh", False),
        (None, "abcdefgh", False),
    ],
)
def test_an_id_is_taken_over_from_a_trusted_proxy_alone_and_if_it_looks_like_one(
    peer: str | None, given: str, is_taken: bool
) -> None:
    answer = ask(numbered(answering()), peer=peer, x_request_id=given)
    (told,) = answer.all("x-request-id")
    assert (told == given) == is_taken
    assert answer.body.decode() == told


def test_of_two_ids_none_is_taken() -> None:
    async def twice(scope: Scope, receive: Receive, send: Send) -> None:
        scope["headers"] *= 2
        await numbered(answering())(scope, receive, send)

    assert ask(twice, x_request_id="abcdefgh").all("x-request-id") == [f"req_{0:024x}"]


# ---------------------------------------------------------------- doors and headers


def test_a_path_is_sent_to_the_door_that_has_it_and_known_by_its_route_alone() -> None:
    def told(name: str) -> Application:
        return answering(lambda scope: f"{name} {scope.get(ROUTE, '-')}")

    doors = Dispatch({"/v1/verify": told("exact")}, {"/v1/forward-auth": told("prefix")}, told("else"))
    expected = {
        "/v1/verify": "exact /v1/verify",
        "/v1/verify/": "else -",
        "/v1/verify/secret": "else -",
        "/v1/forward-auth": "prefix /v1/forward-auth",
        "/v1/forward-auth/": "prefix /v1/forward-auth",
        "/v1/forward-auth/secret/path": "prefix /v1/forward-auth",
        "/v1/forward-authority": "else -",
        "/": "else -",
    }
    assert {path: ask(doors, path=path).body.decode() for path in expected} == expected


def test_no_answer_is_sniffed_framed_cached_or_sent_on() -> None:
    answer = ask(SecurityHeaders(answering(lambda _: ""), is_https=False))
    assert dict(answer.headers) == {
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "x-frame-options": "DENY",
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
        "cache-control": "no-store",
    }


def test_a_page_has_its_own_policy_and_https_is_told_to_stay() -> None:
    own = {"content_security_policy": "default-src 'self'", "cache_control": "max-age=60"}
    answer = ask(SecurityHeaders(answering(lambda _: "", **own), is_https=True))
    assert answer.all("content-security-policy") == ["default-src 'self'"]
    assert answer.all("cache-control") == ["max-age=60"]
    assert answer.all("strict-transport-security") == ["max-age=31536000"]


# ---------------------------------------------------------------- failures


def edge(application: Application) -> Application:
    return numbered(AccessLog(application, PUBLIC_URL))


def test_a_failure_is_a_problem_document_with_the_requests_id() -> None:
    answer = ask(edge(failing(RuntimeError("hunter2"))))
    assert answer.status == 500
    assert answer.all("content-type") == ["application/problem+json"]
    assert answer.all("content-length") == [str(len(answer.body))]
    (request_id,) = answer.all("x-request-id")
    assert json.loads(answer.body) == {
        "type": f"{PUBLIC_URL}/docs/errors/internal_error",
        "title": "Something went wrong on our side",
        "status": 500,
        "code": "internal_error",
        "detail": "It has been logged under the request id.",
        "request_id": request_id,
    }


@pytest.mark.parametrize("error", [RuntimeError("late"), asyncio.CancelledError()])
@pytest.mark.parametrize("after", [1, 2])
def test_what_fails_in_the_middle_of_an_answer_is_not_answered_twice(error: BaseException, after: int) -> None:
    answer = ask(edge(failing(error, after=after)))
    assert (answer.status, answer.body) == (200, b"half"[: 4 * (after - 1)])


def test_a_request_whose_time_is_over_is_told_to_come_again() -> None:
    answer = ask(edge(failing(asyncio.CancelledError())))
    assert (answer.status, answer.all("retry-after"), answer.all("connection")) == (503, ["1"], ["close"])
    assert json.loads(answer.body)["code"] == "overloaded"


# ---------------------------------------------------------------- the log, as a process of its own writes it

PROGRAM = """
import asyncio, sys
from tests.unit.test_edge import ask, edge
from wayvo.edge import logs

async def fails(scope, receive, send):
    credential = "".join(["hunt", "er2"])
    scope["wayvo.route"] = "/v1/things/{thing_id}"
    scope["method"] = sys.argv[2]
    raise KeyError("no thing")

logs.configure(sys.argv[1], "info")
ask(edge(fails), path="/v1/things/swordfish", authorization="Bearer swordfish")
"""


def logged(log_format: str, method: str = "GET") -> str:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, log_format, method], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout) == (0, ""), run.stderr
    return run.stderr


def test_a_failure_is_logged_with_its_traceback_and_then_as_a_request() -> None:
    failure, request = map(json.loads, logged("auto").splitlines())
    assert (failure["event"], failure["level"]) == ("request failed", "error")
    assert failure["exception"].startswith("Traceback (most recent call last):")
    assert failure["exception"].endswith("KeyError: 'no thing'")
    assert (request["event"], request["level"], request["status"]) == ("request", "info", 500)
    assert (request["method"], request["peer"]) == ("GET", "10.0.0.1")
    for entry in (failure, request):
        assert entry["route"] == "/v1/things/{thing_id}"
        assert entry["request_id"] == f"req_{0:024x}"


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_neither_a_value_of_a_variable_nor_the_path_nor_a_header_is_logged(log_format: str) -> None:
    said = logged(log_format)
    assert "no thing" in said
    assert "hunter2" not in said
    assert "swordfish" not in said


@pytest.mark.parametrize("method", ["wv_live_secret", "X" * 17, "M-SEARCH", "GÉT1"])
def test_a_method_that_could_be_something_else_is_not_logged(method: str) -> None:
    said = logged("json", method)
    assert method not in said
    assert json.loads(said.splitlines()[-1])["method"] == "other"


def test_a_console_that_is_no_terminal_has_no_colours() -> None:
    assert "\x1b" not in logged("console")
