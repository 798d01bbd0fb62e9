"""The client's conversation with the server, step by step and without a server."""

from datetime import UTC, datetime, timedelta, timezone
from typing import TypeVar

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.canned_server import API_KEY, NEW_SECRET, api_key, problem
from wayvo.client import calls
from wayvo.client.bodies import ApiKeyChanges, NewApiKey, Revocation, Rotation
from wayvo.client.errors import TransportError, UnsendableError, WayvoError
from wayvo.client.flow import Answer, Answered, Call, Listing, NoAnswer, Page, Request, drive, exchange, walk
from wayvo.client.models import IssuedApiKey

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
T = TypeVar("T")

KEY_ID = "key_06f5vqmv9ks7h5nmh6s8v2c1kg"
OK = Answer(200, {}, msgspec.json.encode(api_key()))
ISSUED = Answer(201, {}, msgspec.json.encode(api_key(api_key=NEW_SECRET)))
BROKEN = NoAnswer("the connection broke")
NEW = NewApiKey(name="n")


def busy(retry_after: str | None) -> Answer:
    headers = {} if retry_after is None else {"retry-after": retry_after}
    return Answer(503, headers, msgspec.json.encode(problem("overloaded", 503, "Too much to do.")))


def attempts(call: Call[T], *outcomes: Answer | NoAnswer) -> tuple[list[Request], object]:
    """Answer the attempts of ``call`` one after another; return them, and the value or the error at the end."""
    sent: list[Request] = []
    answers = iter(outcomes)

    def perform(request: Request) -> Answer | NoAnswer:
        sent.append(request)
        return next(answers)

    try:
        return sent, drive(exchange(call, api_key=API_KEY, now=lambda: NOW), perform)
    except (WayvoError, TransportError) as failure:
        return sent, failure


def request_of(call: Call[T]) -> Request:
    return next(exchange(call, api_key=API_KEY, now=lambda: NOW))


def refusal(answer: Answer) -> WayvoError:
    _, failure = attempts(calls.whoami(), answer)
    assert isinstance(failure, WayvoError)
    return failure


# ---------------------------------------------------------------- retries


def test_a_get_is_tried_twice_more_after_a_broken_connection_with_longer_pauses() -> None:
    sent, end = attempts(calls.get_api_key(KEY_ID), BROKEN, BROKEN, BROKEN)
    assert [request.pause_seconds for request in sent] == [0.0, 0.2, 0.4]
    assert isinstance(end, TransportError)
    assert str(end) == "the connection broke"


def test_a_get_that_succeeds_at_the_second_attempt_succeeds() -> None:
    sent, end = attempts(calls.get_api_key(KEY_ID), BROKEN, OK)
    assert len(sent) == 2
    assert isinstance(end, Answered)


@pytest.mark.parametrize(
    ("retry_after", "pause"),
    [("0", 0.0), ("3", 3.0), ("Tue, 24 Nov 2026 12:00:07 GMT", 7.0), ("Tue, 24 Nov 2026 11:00:00 GMT", 0)],
)
def test_a_503_is_repeated_when_it_says_to_come_back(retry_after: str, pause: float) -> None:
    sent, end = attempts(calls.get_api_key(KEY_ID), busy(retry_after), OK)
    assert [request.pause_seconds for request in sent] == [0.0, pause]
    assert isinstance(end, Answered)


@pytest.mark.parametrize("retry_after", [None, "", "soon", "-1", "11", "99999999999999999999"])
def test_a_503_without_a_short_retry_after_is_reported_at_once(retry_after: str | None) -> None:
    sent, end = attempts(calls.get_api_key(KEY_ID), busy(retry_after))
    assert len(sent) == 1
    assert isinstance(end, WayvoError)
    assert (end.code, end.status) == ("overloaded", 503)


def test_a_timeout_is_reported_at_once() -> None:
    sent, end = attempts(calls.get_api_key(KEY_ID), NoAnswer("it took too long", is_brief=False))
    assert len(sent) == 1
    assert isinstance(end, TransportError)


@pytest.mark.parametrize("status", [400, 401, 404, 409, 429, 500, 502])
def test_no_other_refusal_is_repeated(status: int) -> None:
    sent, _ = attempts(calls.get_api_key(KEY_ID), Answer(status, {"retry-after": "0"}, b""))
    assert len(sent) == 1


def test_a_creation_is_repeated_only_with_an_idempotency_key_and_then_unchanged() -> None:
    sent, _ = attempts(calls.create_api_key(NEW), BROKEN)
    assert len(sent) == 1
    sent, end = attempts(calls.create_api_key(NEW, idempotency_key="once"), BROKEN, busy("0"), ISSUED)
    assert isinstance(end, Answered)
    assert {(request.headers["Idempotency-Key"], request.body) for request in sent} == {("once", b'{"name":"n"}')}
    assert len(sent) == 3


def test_a_change_is_never_repeated_and_a_revocation_is() -> None:
    sent, _ = attempts(calls.update_api_key(KEY_ID, ApiKeyChanges(name="m")), BROKEN)
    assert len(sent) == 1
    sent, _ = attempts(calls.revoke_api_key(KEY_ID, Revocation()), BROKEN, OK)
    assert len(sent) == 2


# ---------------------------------------------------------------- answers


def test_a_refusal_tells_everything_that_the_server_said() -> None:
    fault = {"field": "name", "message": "must not be empty"}
    body = problem("invalid_field", 422, "The name is empty.", errors=[fault])
    error = refusal(Answer(422, {"retry-after": "5"}, msgspec.json.encode(body)))
    assert (error.code, error.status, error.detail) == ("invalid_field", 422, "The name is empty.")
    assert [(entry.field, entry.message) for entry in error.errors] == [("name", "must not be empty")]
    assert (error.request_id, error.retry_after) == ("req_1", 5.0)
    assert error.docs_url == "http://127.0.0.1:8000/docs/errors/invalid_field"
    assert str(error) == "The name is empty. (invalid_field, HTTP 422)"


def test_the_request_id_of_the_header_stands_in_for_one_in_the_body() -> None:
    assert refusal(Answer(400, {"x-request-id": "req_2"}, b'{"code":"invalid_request"}')).request_id == "req_2"


def test_a_page_of_something_else_is_reported_without_its_content() -> None:
    error = refusal(Answer(200, {"content-type": "text/html; charset=utf-8"}, b"<h1>Welcome</h1>"))
    assert error.code == "unexpected_answer"
    assert "text/html" in error.detail
    assert "Welcome" not in str(error)


@given(status=st.integers(100, 599), body=st.binary(max_size=64))
@example(status=200, body=b'{"scopes":["\xff"]}')
@example(status=400, body=b'{"code":"\xff"}')
@example(status=200, body=b'{"new":' + b"[" * 100_000)
@example(status=400, body=b'{"new":' + b"[" * 100_000)
def test_whatever_comes_back_ends_in_a_value_or_in_one_of_the_errors(status: int, body: bytes) -> None:
    _, end = attempts(calls.whoami(), Answer(status, {}, body))
    assert isinstance(end, Answered | WayvoError)


def test_fields_of_a_newer_server_are_kept_in_the_raw_answer() -> None:
    raw = msgspec.json.encode(api_key(newer=[1]))
    _, end = attempts(calls.get_api_key(KEY_ID), Answer(200, {}, raw))
    assert isinstance(end, Answered)
    assert end.raw == raw


# ---------------------------------------------------------------- secrets


def test_no_repr_shows_the_api_key_or_a_new_secret() -> None:
    call = calls.create_api_key(NEW, idempotency_key="once")
    sent, end = attempts(call, ISSUED)
    assert isinstance(end, Answered)
    assert isinstance(end.value, IssuedApiKey)
    assert end.value.api_key == NEW_SECRET
    rich = list(end.value.__rich_repr__())
    shown = repr((call, sent, sent[0], ISSUED, end, end.value, rich))
    assert API_KEY not in shown
    assert NEW_SECRET not in shown
    assert "deploy" in shown


def test_something_on_the_way_that_quotes_the_request_back_gets_the_key_into_no_error() -> None:
    body = msgspec.json.encode(problem("invalid_request", 400, f"Bad header: Bearer {API_KEY}"))
    error = refusal(Answer(400, {}, body))
    assert API_KEY not in f"{error}{error!r}{vars(error)}"
    assert "[API key]" in error.detail


@pytest.mark.parametrize("broken", ["", "wv live", "wv_live_x\n", "wv_live_é", "wv_live_\x7f", "a" * 256])
def test_a_key_that_no_header_can_carry_is_refused_without_being_quoted(broken: str) -> None:
    with pytest.raises(UnsendableError) as refused:
        next(exchange(calls.whoami(), api_key=broken, now=lambda: NOW))
    assert broken.strip() == "" or broken.strip() not in str(refused.value)


def test_a_secret_pasted_where_an_id_or_a_text_belongs_gets_into_no_url_and_no_header() -> None:
    for ask in (calls.get_api_key, calls.get_project, calls.get_api):
        with pytest.raises(UnsendableError) as refused:
            ask(NEW_SECRET)
        assert NEW_SECRET not in str(refused.value)
    with pytest.raises(UnsendableError):
        calls.list_api_keys(text=f"where is {NEW_SECRET}?")
    with pytest.raises(UnsendableError):
        calls.list_api_keys(project_id=NEW_SECRET)
    with pytest.raises(UnsendableError):
        request_of(calls.create_api_key(NEW, idempotency_key=NEW_SECRET))


@pytest.mark.parametrize(
    "wrong", ["", "key_", "key_../users", "key_a/rotate", "key_a?x=1", "prj_0", "key_a\n", "../key_a", "key_é"]
)
def test_what_is_no_id_has_no_place_in_a_path(wrong: str) -> None:
    with pytest.raises(UnsendableError):
        calls.get_api_key(wrong)


@pytest.mark.parametrize("wrong", ["", "a b", "é", "a\r\nX-Y: z", "a" * 256])
def test_an_idempotency_key_that_no_header_can_carry_is_refused(wrong: str) -> None:
    with pytest.raises(UnsendableError):
        request_of(calls.create_api_key(NEW, idempotency_key=wrong))


# ---------------------------------------------------------------- requests


def test_a_request_carries_the_key_in_its_authorization_header_alone() -> None:
    request = request_of(calls.create_api_key(NEW))
    assert request.headers["Authorization"] == f"Bearer {API_KEY}"
    assert API_KEY not in request.target
    assert API_KEY.encode() not in (request.body or b"")
    assert [name for name, value in request.headers.items() if API_KEY in value] == ["Authorization"]


def test_every_filter_is_escaped_and_times_are_sent_in_utc() -> None:
    listing = calls.list_api_keys(
        text="a&b=c/ü", unused_since=datetime(2026, 1, 1, 2, 0, tzinfo=timezone(timedelta(hours=2)))
    )
    request = request_of(next(walk(listing, 10)))
    assert request.target == ("/v1/api-keys?text=a%26b%3Dc%2F%C3%BC&unused_since=2026-01-01T00%3A00%3A00Z&limit=10")


def test_a_change_sends_what_changes_and_nothing_else() -> None:
    assert request_of(calls.update_api_key(KEY_ID, ApiKeyChanges(expires_at=None))).body == b'{"expires_at":null}'
    assert request_of(calls.rotate_api_key(KEY_ID, Rotation())).body == b"{}"
    assert request_of(calls.rotate_api_key(KEY_ID, Rotation(overlap_seconds=0))).body == b'{"overlap_seconds":0}'


# ---------------------------------------------------------------- lists


class Numbered(msgspec.Struct):
    n: int


class Shelf:
    """Stands for a server with ``total`` items, and remembers what it was asked."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.asked: list[dict[str, str]] = []

    def page(self, call: Call[Page]) -> Page:
        query = dict(call.query)
        self.asked.append(query)
        start, size = int(query.get("cursor", "0")), int(query["limit"])
        stop = min(start + size, self.total)
        rows = [msgspec.Raw(b'{"n":%d}' % n) for n in range(start, stop)]
        return Page(rows, str(stop) if stop < self.total else None)


@given(total=st.integers(0, 350), limit=st.none() | st.integers(1, 400))
def test_a_listing_gives_the_first_items_in_order_and_says_whether_there_are_more(
    total: int, limit: int | None
) -> None:
    shelf = Shelf(total)
    listed = drive(walk(Listing("/v1/n", Numbered), limit), shelf.page)
    wanted = total if limit is None else min(limit, total)
    assert [item.value.n for item in listed.items] == list(range(wanted))
    assert listed.has_more == (wanted < total)


@given(total=st.integers(0, 350), limit=st.none() | st.integers(1, 400))
def test_a_listing_asks_for_no_more_than_it_needs_and_never_for_more_than_a_page_holds(
    total: int, limit: int | None
) -> None:
    shelf = Shelf(total)
    drive(walk(Listing("/v1/n", Numbered), limit), shelf.page)
    sizes = [int(query["limit"]) for query in shelf.asked]
    assert max(sizes) <= 100
    assert limit is None or sum(sizes) <= limit


def test_a_listing_keeps_its_filters_on_every_page() -> None:
    shelf = Shelf(250)
    drive(walk(Listing("/v1/n", Numbered, (("mode", "test"),)), None), shelf.page)
    assert [(query["mode"], query.get("cursor")) for query in shelf.asked] == [
        ("test", None),
        ("test", "100"),
        ("test", "200"),
    ]


def test_a_server_that_answers_more_than_was_asked_for_is_cut_to_the_limit() -> None:
    listed = drive(walk(Listing("/v1/n", Numbered), 1), lambda _: Page([msgspec.Raw(b'{"n":1}')] * 3))
    assert (len(listed.items), listed.has_more) == (1, True)


def test_a_server_that_gives_the_same_page_over_and_over_ends_in_an_error() -> None:
    def stuck(_: Call[Page]) -> Page:
        return Page([], "again")

    with pytest.raises(WayvoError, match="same page"):
        drive(walk(Listing("/v1/n", Numbered), None), stuck)


def test_an_item_that_this_version_cannot_read_is_reported() -> None:
    with pytest.raises(WayvoError) as failure:
        drive(walk(Listing("/v1/n", Numbered), None), lambda _: Page([msgspec.Raw(b'{"n":"x"}')]))
    assert failure.value.code == "unexpected_answer"
