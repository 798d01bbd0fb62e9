"""The OpenAPI document as the reference tells it: sections by tag, and in them the operations."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from wayvo.api.pages.curl import curl
from wayvo.api.pages.schemas import Field, Schemas, pretty

_METHODS: Final = ("post", "get", "patch", "put", "delete")
_PLACES: Final = (("path", "Path parameters"), ("query", "Query parameters"), ("body", "Body"), ("header", "Headers"))
_JSON: Final = "application/json"
_PROBLEM: Final = "application/problem+json"
# RFC 9110 renamed these; the standard library has their older names before Python 3.13.
_RENAMED: Final = {413: "Content Too Large", 422: "Unprocessable Content"}


@dataclass(frozen=True, slots=True)
class Group:
    """Fields under a heading."""

    title: str
    fields: list[Field]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A status, and the codes that its problems can have."""

    status: int
    phrase: str
    codes: list[str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a success brings: its fields, its headers, an example."""

    status: int
    phrase: str
    description: str
    fields: list[Field]
    headers: list[Field]
    media_type: str
    example: str | None


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation, ready to be shown."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    is_guarded: bool
    groups: list[Group]
    answers: list[Answer]
    refusals: list[Refusal]
    curl: str


@dataclass(frozen=True, slots=True)
class Section:
    """The operations of one tag."""

    slug: str
    title: str
    description: str
    operations: list[Operation]


def phrase(status: int) -> str:
    """Return a status in words."""
    return _RENAMED.get(status) or HTTPStatus(status).phrase


def sections(document: Mapping[str, Any]) -> list[Section]:
    """Return the document's tags in their order, each with its operations."""
    schemas = Schemas(document["components"]["schemas"])
    found = []
    for tag in document["tags"]:
        operations = [
            _operation(schemas, path, method, operation)
            for path, method, operation in _sorted_operations(document)
            if tag["name"] in operation["tags"]
        ]
        found.append(Section(_slug(tag["name"]), tag["name"], tag["description"], operations))
    return found


def _sorted_operations(document: Mapping[str, Any]) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Return the operations so that a collection comes before its members, and making before looking."""
    operations = [
        (path, method, item[method])
        for path, item in document["paths"].items()
        for method in _METHODS
        if method in item
    ]
    return sorted(operations, key=lambda one: (one[0].count("/"), one[0].endswith("}")))


def _operation(schemas: Schemas, path: str, method: str, operation: Mapping[str, Any]) -> Operation:
    responses = {int(status): response for status, response in operation["responses"].items()}
    return Operation(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        description=operation.get("description", ""),
        is_guarded=bool(operation.get("security")),
        groups=list(_groups(schemas, operation)),
        answers=[
            _answer(schemas, status, response)
            for status, response in sorted(responses.items())
            if _PROBLEM not in response.get("content", {})
        ],
        refusals=[
            Refusal(status, phrase(status), _codes(response["content"][_PROBLEM]["schema"]))
            for status, response in sorted(responses.items())
            if _PROBLEM in response.get("content", {})
        ],
        curl=curl(schemas, path, method, operation),
    )


def _groups(schemas: Schemas, operation: Mapping[str, Any]) -> Iterator[Group]:
    for place, title in _PLACES:
        if place == "body":
            yield from _body(schemas, operation.get("requestBody"))
            continue
        fields = [
            _parameter(schemas, parameter) for parameter in operation.get("parameters", ()) if parameter["in"] == place
        ]
        if fields:
            yield Group(title, sorted(fields, key=lambda one: not one.is_required))


def _body(schemas: Schemas, body: Mapping[str, Any] | None) -> Iterator[Group]:
    if body is not None and (fields := schemas.fields(body["content"][_JSON]["schema"])):
        yield Group("Body" if body.get("required") else "Body (may be left out)", fields)


def _answer(schemas: Schemas, status: int, response: Mapping[str, Any]) -> Answer:
    content: Mapping[str, Any] = response.get("content", {})
    media_type = next(iter(content), "")
    schema = content[media_type].get("schema", {}) if media_type else {}
    is_json = media_type == _JSON and bool(schema)
    return Answer(
        status=status,
        phrase=phrase(status),
        description=response["description"],
        fields=schemas.fields(schema) if is_json else [],
        headers=[_parameter(schemas, {"name": name, **header}) for name, header in response.get("headers", {}).items()],
        media_type=media_type,
        example=pretty(schemas.example(schema)) if is_json else None,
    )


def _parameter(schemas: Schemas, parameter: Mapping[str, Any]) -> Field:
    return schemas.field(
        parameter["name"],
        _without_null(parameter.get("schema", {"type": "string"})),
        is_required=parameter.get("required", False),
        description=parameter.get("description", ""),
    )


def _codes(schema: Mapping[str, Any]) -> list[str]:
    """Return the codes that a problem's schema narrows it to."""
    narrowed = [part["properties"]["code"]["enum"] for part in schema.get("allOf", ()) if "properties" in part]
    return [code for codes in narrowed for code in codes]


def _without_null(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a parameter's schema without the null that stands for leaving it out."""
    if isinstance(schema.get("type"), list):
        kinds = [kind for kind in schema["type"] if kind != "null"]
        return {**schema, "type": kinds[0] if len(kinds) == 1 else kinds}
    kinds = [kind for kind in schema.get("oneOf", ()) if kind != {"type": "null"}]
    if len(kinds) != 1:
        return schema
    return {**kinds[0], **{name: value for name, value in schema.items() if name != "oneOf"}}


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
