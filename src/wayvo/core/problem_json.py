"""Problems on the wire: RFC 9457 documents, and the challenge of RFC 6750 §3."""

from typing import Any, Final

import msgspec

from wayvo.core.decision import Code
from wayvo.core.errors import (
    RETRY_AFTER_SECONDS,
    ExpiredCredential,
    InsufficientScope,
    MalformedCredential,
    MissingCredential,
    NetworkDenied,
    OrganizationDisabled,
    Problem,
    RevokedCredential,
    Unavailable,
    UnknownCredential,
    UnknownOperation,
    WrongAudience,
    WrongMode,
)

CONTENT_TYPE: Final = "application/problem+json"
REALM: Final = "wayvo"

DENIALS: Final[dict[Code, Problem]] = {
    Code.MALFORMED: MalformedCredential(
        "It has not the form of a credential of this installation: look for a slip in copying."
    ),
    Code.UNKNOWN: UnknownCredential("No such credential exists here."),
    Code.REVOKED: RevokedCredential(
        "It was revoked, its project was archived, or whom it spoke for has left; that is for good."
    ),
    Code.ORGANIZATION_DISABLED: OrganizationDisabled("All its credentials are refused until the operator enables it."),
    Code.EXPIRED: ExpiredCredential("Its time is over, or its rotation's overlap is."),
    Code.WRONG_MODE: WrongMode("A test credential was sent where a live one is wanted, or the other way round."),
    Code.WRONG_AUDIENCE: WrongAudience("It holds no access to this API."),
    Code.NETWORK_DENIED: NetworkDenied("It may be used only from the networks that were named for it."),
    Code.UNKNOWN_OPERATION: UnknownOperation(
        "The API declares no operation with this method and path, or the path can be read in more than one way."
    ),
    Code.UNAVAILABLE: Unavailable("This node has lost touch with the others; what it knows may be out of date."),
    Code.INSUFFICIENT_SCOPE: InsufficientScope("It holds access to this API, but not every scope that is needed here."),
}
"""What a denial says to whoever presented the credential."""


def render(problem: Problem, public_url: str, request_id: str) -> bytes:
    """Return the problem+json document."""
    document: dict[str, Any] = {
        "type": f"{public_url}/docs/errors/{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "code": str(problem.code),
        "detail": problem.detail,
        "request_id": request_id,
    }
    if problem.errors:
        document["errors"] = [{"field": fault.field, "message": fault.message} for fault in problem.errors]
    return msgspec.json.encode(document)


def headers(problem: Problem) -> dict[str, str]:
    """Return the headers that go with a problem, beside its content type."""
    if problem.status == 503:
        return {"Retry-After": str(RETRY_AFTER_SECONDS)}
    if problem.status == 401 or isinstance(problem, InsufficientScope | UnknownOperation | NetworkDenied):
        return {"WWW-Authenticate": challenge(problem)}
    return {}


def challenge(problem: Problem) -> str:
    """Return the value of ``WWW-Authenticate``.

    RFC 6750 §3.1: "If the request lacks any authentication information ... the resource server SHOULD NOT include an
    error code or other error information."
    """
    if isinstance(problem, MissingCredential):
        return f'Bearer realm="{REALM}"'
    is_for_more = isinstance(problem, InsufficientScope | UnknownOperation)
    error = "insufficient_scope" if is_for_more else "invalid_token"
    return f'Bearer realm="{REALM}", error="{error}", error_description="{problem.title}"'
