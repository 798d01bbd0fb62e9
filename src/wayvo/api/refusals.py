"""Refusals on their way out of the management API: from values and exceptions to problem+json."""

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

from litestar import Request, Response
from litestar.enums import ParamType
from litestar.exceptions import HTTPException, ValidationException

from wayvo.core import problem_json
from wayvo.core.actor import Actor
from wayvo.core.errors import (
    AccessNotHeld,
    BodyTooLarge,
    FieldError,
    InsufficientScope,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    Overloaded,
    Problem,
    StorageUnavailable,
    UnsupportedMediaType,
)
from wayvo.core.strict_json import locate, shown_name
from wayvo.edge.asgi import Scope, request_id_of
from wayvo.store.database import DatabaseBusy, DatabaseUnavailable, OutcomeUnknown

Result = TypeVar("Result")

_BY_STATUS: Final[dict[int, Problem]] = {
    404: NotFound("There is nothing at this path."),
    405: MethodNotAllowed("The path exists, but not with this method; Allow names those it has."),
    413: BodyTooLarge("The body is larger than any request here needs."),
    415: UnsupportedMediaType("Send JSON, with Content-Type: application/json."),
}

_OUTCOMES: Final = {
    False: "Nothing was changed. Try again in a moment.",
    True: "The database was lost in the middle: it may have happened or not. Look before you try again, or try again "
    "with the same Idempotency-Key.",
}
"""What was changed, by whether nobody can tell."""


class Refused(Exception):
    """Carries a refusal from a controller to its rendering. Raised in this door only."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


def unwrap(result: Result | Problem) -> Result:
    """Return a service's result; leave with its refusal."""
    if isinstance(result, Problem):
        raise Refused(result)
    return result


Handler = Callable[[Request[Any, Any, Any], Any], Response[bytes]]


Denied = Callable[[Actor, str, str], None]
"""Told who was denied which operation, and by which code."""


def handlers(public_url: str, denied: Denied) -> dict[int | type[Exception], Handler]:
    """Return how each exception that can come up to this door is answered; others are failures, for the edge.

    ``denied`` hears of those who are known, and may not.
    """

    def respond(request: Request[Any, Any, Any], problem: Problem, headers: dict[str, str]) -> Response[bytes]:
        body = problem_json.render(problem, public_url, request_id_of(cast("Scope", request.scope)))
        return Response(
            body,
            status_code=problem.status,
            media_type=problem_json.CONTENT_TYPE,
            headers={**headers, **problem_json.headers(problem)},
        )

    def refused(request: Request[Any, Any, Any], exception: Refused) -> Response[bytes]:
        actor: Actor | None = request.scope.get("auth")
        if actor is not None and isinstance(exception.problem, InsufficientScope | AccessNotHeld):
            denied(actor, str(request.route_handler.operation_id), exception.problem.code)
        return respond(request, exception.problem, {})

    def by_framework(request: Request[Any, Any, Any], exception: HTTPException) -> Response[bytes]:
        allow = {name: value for name, value in (exception.headers or {}).items() if name.lower() == "allow"}
        return respond(request, _from_framework(exception), allow)

    def busy(request: Request[Any, Any, Any], _: DatabaseBusy) -> Response[bytes]:
        return respond(request, Overloaded("Try again in a moment."), {})

    def unavailable(request: Request[Any, Any, Any], failure: DatabaseUnavailable) -> Response[bytes]:
        return respond(request, StorageUnavailable(_OUTCOMES[isinstance(failure, OutcomeUnknown)]), {})

    def failed(_: Request[Any, Any, Any], exception: Exception) -> Response[bytes]:
        # Else the framework would answer in its own words, and nobody would hear of the failure.
        raise exception

    return {
        Refused: refused,
        HTTPException: by_framework,
        DatabaseBusy: busy,
        DatabaseUnavailable: unavailable,
        Exception: failed,
    }


def _from_framework(exception: HTTPException) -> Problem:
    if isinstance(exception, ValidationException):
        return _invalid(exception)
    if exception.status_code == 400:
        return InvalidRequest("The request is malformed.")
    return _BY_STATUS.get(exception.status_code) or InternalError("It has been logged under the request id.")


def _invalid(exception: ValidationException) -> Problem:
    """Return the refusal of parameters; bodies are judged before the framework sees them."""
    faults = []
    for found in exception.extra if isinstance(exception.extra, list) else []:
        field, message = locate(str(found.get("message", "is invalid")), _shown(found))
        faults.append(FieldError(field, message))
    detail = "; ".join(f"{fault.field}: {fault.message}" for fault in faults[:5]) or "The request is malformed."
    return InvalidRequest(detail, tuple(faults))


def _shown(found: dict[str, Any]) -> str:
    """Return a parameter's name as the request has it: the framework tells the handler's."""
    name = str(found.get("key") or "")
    return name.replace("_", "-").title() if found.get("source") == ParamType.HEADER else shown_name(name)
