"""The OpenAPI document: what the framework knows of its routes, with the machine doors and every refusal added."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from litestar import Litestar
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.types import ControllerRouterHandler

from wayvo import __version__
from wayvo.api.strict_request import StrictRequest
from wayvo.core.errors import PROBLEM_BY_CODE

Document = dict[str, Any]

_INTRODUCTION: Final = """\
Wayvo gives an API its keys: create them, verify them, rotate them, revoke them.

Send a credential as `Authorization: Bearer YOUR_API_KEY`. Whatever is refused is answered as a problem document
(RFC 9457) with a stable `code`, whose page stands at its `type`. Every answer has the header `X-Request-Id`.
"""

_METHODS: Final = ("get", "post", "put", "patch", "delete")
_PROBLEM: Final = {"$ref": "#/components/schemas/Problem"}
_BODY_OPTIONAL: Final = ("rotateApiKey", "revokeApiKey")

PROBLEM_SCHEMA: Final[Document] = {
    "type": "object",
    "description": "What went wrong, as RFC 9457 has it.",
    "required": ["type", "title", "status", "code", "detail", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "The page that explains the code."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "enum": sorted(PROBLEM_BY_CODE), "description": "Stable: program against it."},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
    "examples": [
        {
            "type": "https://keys.example.com/docs/errors/insufficient_scope",
            "title": "The credential lacks a scope",
            "status": 403,
            "code": "insufficient_scope",
            "detail": "This needs the scope api-keys:write, which the credential does not hold.",
            "request_id": "req_5f0c1d2e3a4b5c6d7e8f9a0b",
        }
    ],
}

_DESCRIPTIONS: Final = {
    400: "The request can't be read: its JSON, a header or a parameter is malformed.",
    401: "No valid credential; `WWW-Authenticate` says why.",
    403: "The credential is valid, but does not allow this.",
    404: "There is no such thing in the caller's organization.",
    409: "It conflicts with how things stand.",
    413: "The body is too large.",
    415: "The body has the wrong media type.",
    422: "A field of the body is invalid; `errors` names it.",
    500: "A failure on our side.",
    503: "Not now: try again after `Retry-After`.",
}


def describe(
    resources: Sequence[ControllerRouterHandler],
    dependencies: Mapping[str, Provide],
    doors: Mapping[str, Any],
    public_url: str,
) -> Document:
    """Return the document. ``doors`` are the machine doors' own ``paths`` and ``components``."""
    config = OpenAPIConfig(title="Wayvo", version=__version__, description=_INTRODUCTION)
    framework = Litestar(
        resources,
        request_class=StrictRequest,
        dependencies=dict(dependencies),
        openapi_config=config,
        logging_config=None,
    )
    document = framework.openapi_schema.to_schema()
    document["servers"] = [{"url": public_url}]
    document["paths"] = {**doors["paths"], **document["paths"]}
    components = document.setdefault("components", {})
    components["schemas"] = {**doors["components"], **components.get("schemas", {}), "Problem": PROBLEM_SCHEMA}
    components["securitySchemes"] = {
        "credential": {"type": "http", "scheme": "bearer", "description": "An API key, such as `wv_live_…`."}
    }
    for path, _, operation in operations(document):
        _complete(path, operation)
    return document


def operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    """Yield every operation as (path, method, operation)."""
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                yield path, method, item[method]


def query_parameters(document: Document) -> dict[tuple[str, str], frozenset[str]]:
    """Return the names of each operation's query parameters, by method and path template."""
    return {
        (method.upper(), path): frozenset(
            parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "query"
        )
        for path, method, operation in operations(document)
    }


def problem_response(status: int) -> Document:
    """Return the description of a refusal."""
    return {"description": _DESCRIPTIONS[status], "content": {"application/problem+json": {"schema": _PROBLEM}}}


def _complete(path: str, operation: Document) -> None:
    is_public = not path.startswith("/v1/")
    if not is_public:
        operation["security"] = [{"credential": []}]
    operation.pop("deprecated", None)
    responses = operation["responses"]
    for status in [status for status in responses if int(status) >= 400 and not _is_our_own(responses[status])]:
        del responses[status]
    for status in _refusals(path, operation, is_public=is_public):
        responses.setdefault(str(status), problem_response(status))
    if operation.get("operationId") in _BODY_OPTIONAL:
        operation["requestBody"]["required"] = False


def _is_our_own(response: Document) -> bool:
    """Say whether a response was written down on purpose: the framework adds its own idea of errors."""
    return "HTTP Exception" not in str(response) and "Validation Exception" not in str(response)


def _refusals(path: str, operation: Document, *, is_public: bool) -> list[int]:
    statuses = [400, 500]
    if not is_public:
        statuses += [401, 403, 503]
    if "{" in path:
        statuses.append(404)
    if "requestBody" in operation:
        statuses += [413, 415, 422]
        if path != "/v1/verify":
            statuses.append(409)
    return sorted(statuses)
