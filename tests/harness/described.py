"""The operations of the management API, as the OpenAPI document describes them, ready to be called."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from tests.harness.server import Client
from wayvo.core.access.permissions import PERMISSIONS

METHODS: Final = ("get", "put", "post", "delete", "patch")
_NAMED: Final = re.compile(r"`([a-z-]+:[a-z-]+)`")

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Described:
    """One operation; ``example`` is the body that the document shows, ``permissions`` those that it says it needs."""

    id: str
    method: str
    path: str
    description: str
    parameters: tuple[Schema, ...]
    body: Schema | None
    example: Any
    is_public: bool

    @property
    def permissions(self) -> tuple[str, ...]:
        """The permissions that the description names as needed."""
        known = {permission.name for permission in PERMISSIONS}
        return tuple(name for name in _NAMED.findall(self.description) if name in known)

    def names(self, place: str) -> tuple[str, ...]:
        """Return the names of the parameters in the path, the query or the headers."""
        return tuple(parameter["name"] for parameter in self.parameters if parameter["in"] == place)

    def call(
        self,
        client: Client,
        ids: Mapping[str, str],
        body: Any = None,
        query: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Call it with these ids in its path; the body is the example if none is given."""
        path = self.path.format_map({name: ids[name] for name in self.names("path")})
        content = self.example if body is None else body
        return client.request(self.method, path, json=content, params=query)


def operations(document: Schema) -> Iterator[Described]:
    """Yield every operation of the document below ``/v1`` that is no lane."""
    for path, item in document["paths"].items():
        if not path.startswith("/v1/") or path.startswith(("/v1/verify", "/v1/forward-auth")):
            continue
        for method in METHODS:
            if method in item:
                yield _described(document, method.upper(), path, item[method])


def members(document: Schema, schema: Schema) -> Iterator[str]:
    """Yield the names of all members, at any depth, that a schema describes."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for name, member in schema.get("properties", {}).items():
        yield name
        yield from members(document, member)
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            yield from members(document, schema[name])
    for choice in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from members(document, choice)


def with_member(document: Schema, schema: Schema, example: Any, name: str, value: str) -> Any:
    """Return the example with ``name`` set to ``value`` wherever the schema describes such a member."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for choice in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        changed = with_member(document, choice, example, name, value)
        if changed != example:
            return changed
    if isinstance(example, list) and isinstance(schema.get("items"), dict):
        return [with_member(document, schema["items"], item, name, value) for item in example]
    if not isinstance(example, dict):
        return example
    described = schema.get("properties", {})
    changed = {
        key: with_member(document, described[key], item, name, value) if key in described else item
        for key, item in example.items()
    }
    return changed | {name: value} if name in described else changed


def _described(document: Schema, method: str, path: str, operation: Schema) -> Described:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    return Described(
        id=operation["operationId"],
        method=method,
        path=path,
        description=operation.get("description", ""),
        parameters=tuple(operation.get("parameters", ())),
        body=None if content is None else content["schema"],
        example=None if content is None else _example(document, content),
        is_public=not operation.get("security"),
    )


def _example(document: Schema, content: Schema) -> Any:
    if "example" in content:
        return content["example"]
    schema = content["schema"]
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return next(iter(schema.get("examples", ())), {})
