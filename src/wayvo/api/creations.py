"""Creations at the door: the idempotency key of a request, and the answer to a request that came before."""

import hashlib
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec
from litestar import Response
from litestar.datastructures import ResponseHeader

from wayvo.api.refusals import Refused
from wayvo.api.strict_request import StrictRequest
from wayvo.core.errors import FieldError, InvalidRequest, Problem
from wayvo.services.once import Once, Replayed

Created = TypeVar("Created")
View = TypeVar("View", bound=msgspec.Struct)

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotency-Replayed"
REPLAY_HEADERS: Final = (
    ResponseHeader(
        name=REPLAYED,
        description="`true` when this is the answer to an earlier request.",
        required=False,
        documentation_only=True,
    ),
)


async def read_once(
    request: StrictRequest, key: str | None, view: Callable[[Any], View], *, without: tuple[str, ...] = ()
) -> Once | None:
    """Return the request's idempotency key with what identifies the request: its method, path and body, byte by byte.

    ``without`` names the fields of ``view`` that are secrets, which are not kept.
    """
    if key is None:
        return None
    if len(request.headers.getall(HEADER)) > 1:
        raise Refused(InvalidRequest(f"{HEADER}: stands twice", (FieldError(HEADER, "stands twice"),)))
    request_digest = hashlib.blake2b(digest_size=32)
    request_digest.update(f"{request.method} {request.scope['path']}\n".encode())
    request_digest.update(await request.body())

    def render(created: Any) -> bytes:
        document = msgspec.to_builtins(view(created))
        return msgspec.json.encode({**document, **dict.fromkeys(without), "replayed": True})

    return Once(hashlib.blake2b(key.encode(), digest_size=32).digest(), request_digest.digest(), render)


def answer_creation(result: Created | Replayed | Problem, view: Callable[[Created], View]) -> Response[Any]:
    """Return 201 with what was made, now or by the request before."""
    if isinstance(result, Problem):
        raise Refused(result)
    if isinstance(result, Replayed):
        return Response(result.answer, status_code=201, media_type="application/json", headers={REPLAYED: "true"})
    return Response(view(result), status_code=201, media_type="application/json")
