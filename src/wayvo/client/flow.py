"""The conversation with the server, without I/O: a driver sends what these generators yield and hands back what came.

One attempt after another (:func:`exchange`), one page after another (:func:`walk`): the rules stand here once, for the
blocking client and for the asynchronous one to come. Clock and pauses belong to the driver.
"""

import re
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Generic, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from wayvo import __version__
from wayvo.client.errors import FieldFault, TransportError, UnsendableError, WayvoError

T = TypeVar("T")
Step = TypeVar("Step")
Reply = TypeVar("Reply")

RETRIES: Final = 2
FIRST_PAUSE_SECONDS: Final = 0.2
LONGEST_PAUSE_SECONDS: Final = 10.0
"""A server that wants more patience than this gets none: the caller hears of it and decides."""
PAGE_SIZE: Final = 100

_VISIBLE_ASCII: Final = re.compile(r"[\x21-\x7e]{1,255}")
_SECRET: Final = re.compile(r"[a-z][a-z0-9]{1,11}_(live|test|inv)_[0-9A-Za-z]{38}")
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One thing to ask, and the type of its answer. ``repeatable``: asking twice does no more than asking once."""

    method: str
    path: str
    returns: type[T]
    query: tuple[tuple[str, str], ...] = ()
    body: msgspec.Struct | None = field(default=None, repr=False)
    idempotency_key: str | None = None
    repeatable: bool = False


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """A collection to read page by page."""

    path: str
    holds: type[T]
    filters: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """One attempt: what goes on the wire (``target`` is path and query), and how long to wait before it goes."""

    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)
    pause_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. The names of ``headers`` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Nothing came back, and why. ``is_brief``: it was known at once, so that another attempt costs no patience."""

    reason: str
    is_brief: bool = True


@dataclass(frozen=True, slots=True)
class Answered(Generic[T]):
    """A success: the value, and the JSON just as the server wrote it (it may hold a secret, hence not in the repr)."""

    value: T
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """What a listing gave, and whether more would have come."""

    items: list[Answered[T]]
    has_more: bool


class Page(msgspec.Struct, frozen=True):
    """One page, its items not decoded yet."""

    data: list[msgspec.Raw]
    next_cursor: str | None = None


class _Problem(msgspec.Struct, frozen=True):
    """RFC 9457 with Wayvo's extensions."""

    code: str
    detail: str = ""
    title: str = ""
    type: str | None = None
    request_id: str | None = None
    errors: tuple[FieldFault, ...] = ()


def drive(steps: Generator[Step, Reply, T], perform: Callable[[Step], Reply]) -> T:
    """Run a conversation to its end with a blocking ``perform``."""
    try:
        step = next(steps)
        while True:
            step = steps.send(perform(step))
    except StopIteration as end:
        result: T = end.value
        return result


def exchange(
    call: Call[T], *, api_key: str | None, now: Callable[[], datetime]
) -> Generator[Request, Answer | NoAnswer, Answered[T]]:
    """Yield attempts until one is answered for good; return its value.

    A repeatable call gets :data:`RETRIES` more attempts after a broken connection (not after a timeout), or after a 503
    that says when to come back. Raises WayvoError for a refusal, TransportError when no answer came.
    """
    headers = _headers(call, api_key)
    target = call.path + ("?" + urlencode(call.query, quote_via=quote) if call.query else "")
    body = None if call.body is None else msgspec.json.encode(call.body)
    pauses = [0.0]
    while True:
        outcome = yield Request(call.method, target, headers, body, pauses[-1])
        pause = _pause_before_retry(outcome, len(pauses), now)
        if pause is None or not call.repeatable or len(pauses) > RETRIES:
            break
        pauses.append(pause)
    if isinstance(outcome, NoAnswer):
        raise TransportError(outcome.reason)
    if 200 <= outcome.status < 300:
        return _read(call.returns, outcome)
    raise _refusal(outcome, api_key, now)


def walk(listing: Listing[T], limit: int | None) -> Generator[Call[Page], Page, Listed[T]]:
    """Yield calls for one page after another until ``limit`` items are there (``None``: all of them)."""
    items: list[Answered[T]] = []
    cursor: str | None = None
    while True:
        wanted = PAGE_SIZE if limit is None else min(PAGE_SIZE, limit - len(items))
        place = () if cursor is None else (("cursor", cursor),)
        query = (*listing.filters, ("limit", str(wanted)), *place)
        page = yield Call("GET", listing.path, Page, query=query, repeatable=True)
        items += (_decoded(listing.holds, bytes(raw)) for raw in page.data)
        if page.next_cursor is None or (limit is not None and len(items) >= limit):
            return Listed(items[:limit], page.next_cursor is not None or (limit is not None and len(items) > limit))
        if page.next_cursor == cursor:
            raise _unexpected(200, "The server answered the same page twice.")
        cursor = page.next_cursor


def refuse_secret(value: str) -> str:
    """Return ``value``, unless a secret is in it: a URL ends up in logs, so a key pasted by mistake stops here."""
    if _SECRET.search(value):
        raise UnsendableError(
            "That is an API key itself, not a name or an id: it would end up in the logs of the server."
        )
    return value


def check_api_key(api_key: str) -> str:
    """Return ``api_key`` if a header can carry it (a broken one would be quoted by the errors of the layers below)."""
    if not _VISIBLE_ASCII.fullmatch(api_key):
        raise UnsendableError("The API key holds a space, a line break or another character that no key has.")
    return api_key


def _headers(call: Call[T], api_key: str | None) -> dict[str, str]:
    headers = {} if api_key is None else {"Authorization": f"Bearer {check_api_key(api_key)}"}
    headers |= {
        "Accept": "application/json",
        "User-Agent": f"wayvo-python/{__version__}",
    }
    if call.body is not None:
        headers["Content-Type"] = "application/json"
    if call.idempotency_key is not None:
        if not _VISIBLE_ASCII.fullmatch(call.idempotency_key):
            raise UnsendableError("An idempotency key has 1 to 255 visible ASCII characters.")
        headers["Idempotency-Key"] = refuse_secret(call.idempotency_key)
    return headers


def _pause_before_retry(outcome: Answer | NoAnswer, attempts: int, now: Callable[[], datetime]) -> float | None:
    if isinstance(outcome, NoAnswer):
        return FIRST_PAUSE_SECONDS * 2.0 ** (attempts - 1) if outcome.is_brief else None
    if outcome.status != 503:
        return None
    pause = _retry_after(outcome, now)
    return pause if pause is not None and pause <= LONGEST_PAUSE_SECONDS else None


def _retry_after(answer: Answer, now: Callable[[], datetime]) -> float | None:
    # RFC 9110 §10.2.3: "Retry-After = HTTP-date / delay-seconds"
    value = answer.headers.get("retry-after", "")
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now()).total_seconds())


def _read(returns: type[T], answer: Answer) -> Answered[T]:
    try:
        return Answered(msgspec.json.decode(answer.body, type=returns), answer.body)
    except _UNREADABLE:
        raise _unexpected(answer.status, _not_wayvo(answer)) from None


def _decoded(holds: type[T], raw: bytes) -> Answered[T]:
    try:
        return Answered(msgspec.json.decode(raw, type=holds), raw)
    except _UNREADABLE as fault:
        raise _unexpected(200, f"The server's list holds something unknown to this version: {fault}.") from None


def _refusal(answer: Answer, api_key: str | None, now: Callable[[], datetime]) -> WayvoError:
    # Something on the way may quote the request back at us; an error of ours must not carry the key on.
    body = answer.body if api_key is None else answer.body.replace(api_key.encode(), b"[API key]")
    try:
        problem = msgspec.json.decode(body, type=_Problem)
    except _UNREADABLE:
        return _unexpected(answer.status, _not_wayvo(answer), _retry_after(answer, now))
    return WayvoError(
        code=problem.code,
        status=answer.status,
        detail=problem.detail or problem.title,
        errors=problem.errors,
        request_id=problem.request_id or answer.headers.get("x-request-id"),
        retry_after=_retry_after(answer, now),
        docs_url=problem.type,
    )


def _not_wayvo(answer: Answer) -> str:
    kind = answer.headers.get("content-type", "").partition(";")[0] or "no content type"
    return f"The answer ({answer.status}, {kind}) is not one of Wayvo's: is the URL right?"


def _unexpected(status: int, detail: str, retry_after: float | None = None) -> WayvoError:
    return WayvoError(code="unexpected_answer", status=status, detail=detail, retry_after=retry_after)
