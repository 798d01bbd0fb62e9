"""Checks, while the load is on, that a contender answers what it is asked: a number without it says nothing."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from http.client import HTTPConnection
from itertools import cycle
from types import TracebackType
from typing import Final, NamedTuple, Self

SECONDS_BETWEEN: Final = 0.1
MADE_UP: Final = "wv_live_00000000000000000000000000000000000000"


class Says(Enum):
    """What an answer says of the key that was asked about."""

    NOTHING = "nothing: 200 for everybody"
    HEADER = "its id in a header; 401 for a made-up one"
    VERDICT = "its id in a JSON body; a made-up one is not valid"


class WrongAnswer(Exception):
    """A contender answered something else than it should have."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request of the mix, taken apart."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Answer(NamedTuple):
    """As much of an answer as is checked."""

    status: int
    credential_id: str | None  # of the header
    body: bytes


class Checker:
    """Asks now and then, on a connection of its own, for as long as the context lasts."""

    def __init__(self, port: int, says: Says, requests: list[bytes], keys: Mapping[str, str]) -> None:
        self._says = says
        self._samples = cycle(list(zip(requests, keys.items(), strict=True))[:: max(1, len(requests) // 100)])
        self._connection = HTTPConnection("127.0.0.1", port, timeout=30)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._failure: Exception | None = None
        self.checked = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._thread.join()
        self._connection.close()
        if error is None and self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            while not self._is_over.wait(SECONDS_BETWEEN):
                self._check_one()
        except Exception as error:  # noqa: BLE001 - told by __exit__
            self._failure = error

    def _check_one(self) -> None:
        raw, (secret, key_id) = next(self._samples)
        check(self._says, key_id, self._ask(taken_apart(raw)))
        if self._says is not Says.NOTHING:
            check(self._says, None, self._ask(taken_apart(raw.replace(secret.encode(), MADE_UP.encode()))))
        self.checked += 1

    def _ask(self, request: Request) -> Answer:
        self._connection.request(request.method, request.path, request.body, request.headers)
        response = self._connection.getresponse()
        return Answer(response.status, response.headers["wayvo-credential-id"] or None, response.read())


def check(says: Says, key_id: str | None, answer: Answer) -> None:
    """Check an answer about the key with this id, or about a made-up one."""
    status = 401 if says is Says.HEADER and key_id is None else 200
    if answer.status != status:
        raise WrongAnswer(f"{answer.status} about {key_id}, not {status}")
    if says is Says.HEADER and answer.credential_id != key_id:
        raise WrongAnswer(f"{answer.credential_id} instead of {key_id}")
    if says is Says.VERDICT:
        verdict = json.loads(answer.body)
        if (verdict["credential_id"], verdict["valid"]) != (key_id, key_id is not None):
            raise WrongAnswer(f"{verdict['code']} about {verdict['credential_id']} instead of {key_id}")


def taken_apart(request: bytes) -> Request:
    """Return a request of the mix in its parts."""
    head, _, body = request.partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    method, path, _ = line.split(" ")
    headers = dict(field.split(": ", 1) for field in fields)
    # http.client counts the body itself, which a made-up key may have changed.
    headers.pop("Content-Length", None)
    return Request(method, path, headers, body)
