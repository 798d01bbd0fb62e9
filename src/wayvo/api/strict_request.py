"""What the framework would let pass: bodies with two meanings, parameters that nobody knows or that come twice."""

from collections.abc import Mapping
from typing import Any, Final

from litestar import Request
from litestar.datastructures import State

from wayvo.api.refusals import Refused
from wayvo.core.actor import Actor
from wayvo.core.errors import FieldError, InvalidRequest, Problem, UnsupportedMediaType
from wayvo.core.strict_json import loads, shown_name

# curl -d sends the form type unless told otherwise; a pasted line shall work. No cookie counts here, so no form of
# another site can do harm with it.
_NOTHING: Final = b"{}"
_ACCEPTED_TYPES: Final = frozenset({"", "application/json", "application/x-www-form-urlencoded"})


class StrictRequest(Request[Actor, Actor, State]):
    """A request whose body is refused before anything reads it if it is not plain JSON."""

    _checked = False

    async def body(self) -> bytes:
        body = await super().body() or _NOTHING
        if not self._checked:
            self._checked = True
            media_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
            if media_type not in _ACCEPTED_TYPES:
                raise Refused(UnsupportedMediaType("Send JSON, with Content-Type: application/json."))
            value = loads(body)
            if isinstance(value, Problem):
                raise Refused(value)
        return body


class QueryGuard:
    """Refuses unknown and repeated query parameters, by what the OpenAPI document says of each operation."""

    def __init__(self) -> None:
        self._known: Mapping[tuple[str, str], frozenset[str]] = {}

    def learn(self, known: Mapping[tuple[str, str], frozenset[str]]) -> None:
        """Take the parameters of each operation, by method and path template."""
        self._known = known

    async def __call__(self, request: Request[Any, Any, Any]) -> None:
        if not request.scope["query_string"]:
            return
        known = self._known.get((request.method, request.scope.get("path_template", "")), frozenset())
        seen: set[str] = set()
        for name, _ in request.query_params.multi_items():
            if name not in known:
                raise Refused(_refuse(name, "is not a parameter of this request"))
            if name in seen:
                raise Refused(_refuse(name, "stands twice in the query"))
            seen.add(name)


def _refuse(name: str, message: str) -> InvalidRequest:
    shown = shown_name(name)
    return InvalidRequest(f"{shown}: {message}", (FieldError(shown, message),))
