"""The blocking client: a thin driver of ``flow`` over httpx."""

import ipaddress
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self, TypeVar

import httpx

from wayvo.client.errors import UnsendableError
from wayvo.client.flow import (
    Answer,
    Answered,
    Call,
    Listed,
    Listing,
    NoAnswer,
    Request,
    check_api_key,
    drive,
    exchange,
    walk,
)

T = TypeVar("T")

TIMEOUT: Final = httpx.Timeout(30.0, connect=5.0)
_WANTED_URL: Final = "The server's URL must look like https://wayvo.example.com (no user name, query or fragment)."


class Client:
    """Calls one Wayvo server with one API key. Close it, or use it as a context manager.

    Raises UnsendableError for a URL that can't be used: among them plain HTTP to another machine, which would show the
    key to the network, unless ``allow_http`` says that the way is safe by other means. Redirects are not followed, so
    the key goes to no other host. ``sleep`` and ``now`` serve retries.
    """

    def __init__(
        self,
        url: str,
        api_key: str | None,
        *,
        allow_http: bool = False,
        timeout: httpx.Timeout = TIMEOUT,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        parsed = _checked(url, allow_http=allow_http)
        self.url: Final = url.rstrip("/")
        self._api_key = None if api_key is None else check_api_key(api_key)
        self._sleep = sleep
        self._now = now
        # In clear text on this machine, a proxy from HTTP_PROXY would be a detour through the network.
        is_local = parsed.scheme == "http" and _is_loopback(parsed)
        self._http = httpx.Client(timeout=timeout, follow_redirects=False, trust_env=not is_local)

    def send(self, call: Call[T]) -> Answered[T]:
        """Return the answer. Raises WayvoError when refused, TransportError when no answer comes."""
        return drive(exchange(call, api_key=self._api_key, now=self._now), self._attempt)

    def collect(self, listing: Listing[T], limit: int | None = None) -> Listed[T]:
        """Return the first ``limit`` items of a listing (``None``: all), page after page."""
        return drive(walk(listing, limit), lambda call: self.send(call).value)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.url}>"

    def _attempt(self, request: Request) -> Answer | NoAnswer:
        if request.pause_seconds:
            self._sleep(request.pause_seconds)
        try:
            url = self.url + request.target
            answer = self._http.request(request.method, url, headers=dict(request.headers), content=request.body)
        except httpx.RequestError as fault:
            is_brief = not isinstance(fault, httpx.TimeoutException)
            return NoAnswer(f"{self.url} gives no answer: {_reason(fault)}.", is_brief)
        return Answer(
            answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.content
        )


def _checked(url: str, *, allow_http: bool) -> httpx.URL:
    """Return the URL as httpx itself reads it: two parsers could see two different hosts."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        raise UnsendableError(_WANTED_URL) from None
    is_usable = parsed.scheme in ("http", "https") and parsed.host and parsed.port != 0
    if not is_usable or not 0 < (parsed.port or 443) < 65536 or any(char.isspace() or char in "?#@\\" for char in url):
        raise UnsendableError(_WANTED_URL)
    if parsed.scheme == "http" and not allow_http and not _is_loopback(parsed):
        raise UnsendableError(
            f"Refusing to send the API key to {parsed.host} in clear text: use https://. "
            "If the way there is safe by other means, allow_http=True (WAYVO_ALLOW_HTTP=1) says so."
        )
    return parsed


def _is_loopback(url: httpx.URL) -> bool:
    if url.host == "localhost":
        return True
    try:
        return ipaddress.ip_address(url.host).is_loopback
    except ValueError:
        return False


def _reason(fault: httpx.RequestError) -> str:
    """Say what happened. Only errors of connecting are quoted: others of httpx may quote the request's headers."""
    if isinstance(fault, httpx.ConnectError):
        return str(fault) or "the connection failed"
    if isinstance(fault, httpx.TimeoutException):
        return "it took too long"
    return f"the connection broke ({type(fault).__name__})"
