"""The OpenAPI document: what the framework knows of its routes, with the machine doors and every refusal added."""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar import Litestar
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.types import ControllerRouterHandler

from wayvo import __version__
from wayvo.api import examples
from wayvo.api.refusal_codes import codes_by_status
from wayvo.api.strict_request import StrictRequest
from wayvo.core.errors import PROBLEM_BY_CODE

Document = dict[str, Any]

_INTRODUCTION: Final = """\
Wayvo gives an API its keys: create them, verify them, rotate them, revoke them.

Send a credential as `Authorization: Bearer YOUR_API_KEY`. Whatever is refused is answered as a problem document
(RFC 9457) with a stable `code`, whose page stands at its `type`. Every answer has the header `X-Request-Id`.
"""

_TAGS: Final = {
    "API keys": "The whole life of a key: make, look, change, rotate, revoke.",
    "Verification": "For APIs that are called with keys: whose is this one, and may it do that?",
    "APIs": "The APIs that keys open, each named by its audience and declaring its scopes.",
    "Projects": "What keys belong to, and speak for.",
    "Organizations": "Who has members, projects, keys and APIs; an installation serves many.",
    "Users": "The members of the organization.",
    "Invitations": "How somebody becomes a member.",
    "Roles": "What members may do, and what that is made of.",
    "Audit trail": "What has happened in the organization, and who did it.",
    "Identity": "What a credential learns of itself.",
    "Operations": "For load balancers and supervisors.",
    "Reference": "This reference, for programs and for people.",
}

_METHODS: Final = ("get", "post", "put", "patch", "delete")
_SCHEMAS: Final = "#/components/schemas/{name}"
_PROBLEM: Final = {"$ref": "#/components/schemas/Problem"}
_BODY_OPTIONAL: Final = (
    "rotateApiKey",
    "revokeApiKey",
    "archiveProject",
    "disableOrganization",
    "enableOrganization",
)
_OPEN: Final = ("acceptInvitation",)
"""What needs no credential under ``/v1/``."""

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

_SUCCESSES: Final = {"200": "Done.", "201": "Made, now or by an earlier request with the same `Idempotency-Key`."}
_DESCRIPTIONS: Final = {
    400: "The request can't be read: its JSON, a header or a parameter is malformed.",
    401: "No valid credential; `WWW-Authenticate` says why.",
    403: "The credential is valid, but does not allow this.",
    404: "There is no such thing in the caller's organization.",
    409: "It conflicts with how things stand.",
    413: "The body is too large.",
    414: "The URL is too long.",
    415: "The body has the wrong media type.",
    422: "A field of the body is invalid; `errors` names it.",
    431: "The headers are too large.",
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
    config = OpenAPIConfig(title="Wayvo", version=__version__, description=_INTRODUCTION, use_handler_docstrings=True)
    framework = Litestar(
        resources,
        request_class=StrictRequest,
        dependencies=dict(dependencies),
        openapi_config=config,
        logging_config=None,
    )
    document = framework.openapi_schema.to_schema()
    document["servers"] = [{"url": public_url}]
    document["tags"] = [{"name": name, "description": description} for name, description in _TAGS.items()]
    document["paths"] = {**doors["paths"], **document["paths"]}
    components = document.setdefault("components", {})
    components["schemas"] = {
        **doors["components"],
        **components.get("schemas", {}),
        **_schemas(framework),
        "Problem": PROBLEM_SCHEMA,
    }
    components["securitySchemes"] = {
        "credential": {"type": "http", "scheme": "bearer", "description": "An API key, such as `wv_live_…`."}
    }
    for path, _, operation in operations(document):
        _complete(path, operation)
    for name, example in examples.VIEWS.items():
        components["schemas"][name]["examples"] = [example]
    return document


def operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    """Yield every operation as (path, method, operation)."""
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                yield path, method, item[method]


def query_parameters(document: Document) -> dict[tuple[str, str], dict[str, str]]:
    """Return the form (``integer``, ``date-time``, …) of each operation's query parameters, by method and path."""
    return {
        (method.upper(), path): {
            parameter["name"]: _form(parameter["schema"])
            for parameter in operation.get("parameters", ())
            if parameter["in"] == "query"
        }
        for path, method, operation in operations(document)
    }


def _form(schema: Document) -> str:
    """Return a schema's format or type, of the first branch if it has several."""
    branch: Document = next(iter(schema.get("oneOf") or schema.get("anyOf") or (schema,)))
    return str(branch.get("format") or branch.get("type", ""))


def problem_response(status: int, codes: Sequence[str]) -> Document:
    """Return the description of a refusal with one of ``codes``."""
    schema = {"allOf": [_PROBLEM, {"properties": {"code": {"enum": list(codes)}}}]}
    return {"description": _DESCRIPTIONS[status], "content": {"application/problem+json": {"schema": schema}}}


def _schemas(framework: Litestar) -> Document:
    """Return the schemas of what the handlers take and give: the framework's own lose the constraints inside unions."""
    structs: dict[str, type[msgspec.Struct]] = {}
    for route in framework.routes:
        for handler in getattr(route, "route_handlers", ()):
            for field in (handler.parsed_data_field, handler.parsed_return_field):
                for part in () if field is None else (field.annotation, *field.args):
                    if isinstance(part, type) and issubclass(part, msgspec.Struct):
                        structs[part.__name__] = part
    _, schemas = msgspec.json.schema_components(structs.values(), ref_template=_SCHEMAS)
    return schemas


def _complete(path: str, operation: Document) -> None:
    if path.startswith("/v1/") and operation["operationId"] not in _OPEN:
        operation["security"] = [{"credential": []}]
    operation.pop("deprecated", None)
    responses = operation["responses"]
    for success, description in _SUCCESSES.items():
        if success in responses and responses[success]["description"] == HTTPStatus(int(success)).description:
            responses[success]["description"] = description
    for foreign in [status for status in responses if int(status) >= 400 and not _is_our_own(responses[status])]:
        del responses[foreign]
    for status, codes in codes_by_status(path, operation).items():
        responses.setdefault(str(status), problem_response(status, codes))
    if (body := examples.REQUESTS.get(operation["operationId"])) is not None:
        operation["requestBody"]["content"]["application/json"]["example"] = body
    for response in responses.values():
        for header in response.get("headers", {}).values():
            # The framework leaves it out, but OpenAPI wants a schema of every header.
            header.setdefault("schema", {"type": "string"})
    if operation["operationId"] in _BODY_OPTIONAL:
        operation["requestBody"]["required"] = False


def _is_our_own(response: Document) -> bool:
    """Say whether a response was written down on purpose: the framework adds its own idea of errors."""
    return "HTTP Exception" not in str(response) and "Validation Exception" not in str(response)
