"""What the framework would let pass: bodies with two meanings, parameters that nobody knows or that come twice."""

import re
from collections.abc import Mapping
from typing import Any, Final, cast
from urllib.parse import parse_qsl

from litestar import Request, Response
from litestar.datastructures import State

from wayvo.api.refusals import Refused, unwrap
from wayvo.core.actor import Actor
from wayvo.core.errors import FieldError, InvalidRequest, NotFound, UnsupportedMediaType
from wayvo.core.strict_json import decode, shown_name
from wayvo.edge.asgi import Scope

JUDGE_AGAIN: Final = "wayvo.judge_again"
"""What the scope of a request has that was authenticated: it gives the actor as things are at that moment."""

# curl -d sends the form type unless told otherwise; a pasted line shall work. No cookie counts here, so no form of
# another site can do harm with it.
_ACCEPTED_TYPES: Final = frozenset({"", "application/json", "application/x-www-form-urlencoded"})

# A POST without a body names nothing, as {} does. A change without one has lost it.
_NO_BODY: Final = {"POST": b"{}"}
_NO_JSON: Final = b" "

_MOST_FIELDS: Final = 20
# The framework would also take 1e1 for ten, and a number for an instant.
_FORMS: Final = {
    "integer": (re.compile(r"-?[0-9]{1,9}"), "is a whole number"),
    "date-time": (re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ].+"), "is an instant such as 2027-01-31T00:00:00Z"),
}


class StrictRequest(Request[Actor, Actor, State]):
    """A request whose body is read as what its route wants, strictly: ``"60"`` is no number, 1.0 no whole one."""

    async def body(self) -> bytes:
        return await super().body() or _NO_BODY.get(self.method, _NO_JSON)

    async def json(self) -> Any:
        media_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type not in _ACCEPTED_TYPES:
            raise Refused(UnsupportedMediaType("Send JSON, with Content-Type: application/json."))
        body = await self.body()
        scope = cast("Scope", self.scope)
        if JUDGE_AGAIN in scope:
            # A body may be long on its way, and who sent its head may have been removed or demoted meanwhile.
            scope["user"] = scope["auth"] = await scope[JUDGE_AGAIN]()
        wanted = self.route_handler.parsed_fn_signature.parameters["data"].annotation
        return unwrap(decode(body, wanted))


class QueryGuard:
    """Refuses query strings that don't mean one thing, by what the OpenAPI document says of each operation.

    It also answers ``OPTIONS``: the framework's own answer leaves methods out.
    """

    def __init__(self) -> None:
        self._known: Mapping[tuple[str, str], Mapping[str, str]] = {}

    def learn(self, known: Mapping[tuple[str, str], Mapping[str, str]]) -> None:
        """Take the form of each parameter of each operation, by method and path template."""
        self._known = known

    async def __call__(self, request: Request[Any, Any, Any]) -> Response[None] | None:
        template = request.scope.get("path_template", "")
        if "\0" in request.scope["path"]:
            raise Refused(NotFound("There is nothing at this path."))
        if request.method == "OPTIONS":
            methods = sorted({"OPTIONS", *(method for method, path in self._known if path == template)})
            return Response(None, status_code=204, headers={"Allow": ", ".join(methods)})
        if request.scope["query_string"]:
            self._check_query(request.scope["query_string"], self._known.get((request.method, template), {}))
        return None

    def _check_query(self, query: bytes, known: Mapping[str, str]) -> None:
        seen: set[str] = set()
        for name, value in _pairs(query):
            if name not in known:
                raise Refused(_refuse(name, "is not a parameter of this request"))
            if name in seen:
                raise Refused(_refuse(name, "stands twice in the query"))
            if "\0" in value:
                raise Refused(_refuse(name, "must not contain NUL"))
            form = _FORMS.get(known[name])
            if form is not None and not form[0].fullmatch(value):
                raise Refused(_refuse(name, form[1]))
            seen.add(name)


def _pairs(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise Refused(InvalidRequest("The query string is malformed.")) from None


def _refuse(name: str, message: str) -> InvalidRequest:
    shown = shown_name(name)
    return InvalidRequest(f"{shown}: {message}", (FieldError(shown, message),))
