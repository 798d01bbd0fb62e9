"""Schemas of the OpenAPI document in words: a type, what is allowed, an example."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

Schema = Mapping[str, Any]

_NULL: Final[Schema] = {"type": "null"}
_EXAMPLES: Final = {"date-time": "2027-01-31T00:00:00Z", "integer": 0, "number": 0, "boolean": True, "null": None}
_LINE: Final = 46
_REFERENCE: Final = "#/components/schemas/"


@dataclass(frozen=True, slots=True)
class Field:
    """One field or parameter, as a reader wants to know it."""

    name: str
    type: str
    is_required: bool
    description: str
    allowed: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    default: str | None = None
    example: str | None = None
    children: Sequence["Field"] = field(default=())


class Schemas:
    """The schemas that the document's references point at."""

    def __init__(self, components: Mapping[str, Schema]) -> None:
        self._components = components

    def resolve(self, schema: Schema) -> Schema:
        """Return what a schema with a ``$ref`` stands for; what stands beside the reference has precedence."""
        while "$ref" in schema:
            beside = {name: value for name, value in schema.items() if name != "$ref"}
            schema = {**self._components[schema["$ref"].removeprefix(_REFERENCE)], **beside}
        return schema

    def fields(self, schema: Schema) -> list[Field]:
        """Return an object's fields, those that are required first, else as they stand."""
        schema = self.resolve(schema)
        required = schema.get("required", ())
        properties = schema.get("properties", {})
        found = [self.field(name, part, is_required=name in required) for name, part in properties.items()]
        return sorted(found, key=lambda one: not one.is_required)

    def field(self, name: str, schema: Schema, *, is_required: bool, description: str = "") -> Field:
        """Return one field, or a parameter."""
        outer = self.resolve(schema)
        core = self._core(outer)
        item = self._core(self.resolve(core["items"])) if core.get("type") == "array" and "items" in core else core
        examples = outer.get("examples") or core.get("examples") or item.get("examples") or ()
        default = outer.get("default")
        return Field(
            name=name,
            type=self.type(outer),
            is_required=is_required,
            description=description or core.get("description", ""),
            allowed=tuple(f"{value}" for value in item.get("enum", ()) if value is not None and value is not True),
            limits=tuple(_limits(core)) + (tuple(_limits(item, "each ")) if item is not core else ()),
            default=None if default in (None, "", [], {}) or is_required else _shown(default),
            example=_shown(examples[0]) if examples and "properties" not in item else None,
            children=self.fields(item) if "properties" in item else (),
        )

    def type(self, schema: Schema) -> str:
        """Return a type in words."""
        schema = self.resolve(schema)
        kinds = schema.get("anyOf") or schema.get("oneOf")
        if kinds:
            return " or ".join(self.type(kind) for kind in kinds if kind)
        name = schema.get("type", "")
        if isinstance(name, list):
            return " or ".join(sorted(name, key=lambda kind: kind == "null"))
        if name == "array":
            return f"array of {_plural(self.type(schema['items']))}" if schema.get("items") else "array"
        if name == "object" and isinstance(schema.get("additionalProperties"), dict):
            return f"map of {_plural(self.type(schema['additionalProperties']))}"
        if schema.get("format") == "date-time":
            return "date-time"
        return str(name) or _type_of_enum(schema)

    def example(self, schema: Schema) -> Any:
        """Return a value that the schema allows: its own example, or one put together from its parts'."""
        schema = self.resolve(schema)
        if schema.get("examples"):
            return schema["examples"][0]
        for union in ("anyOf", "oneOf"):
            if union in schema:
                return None if _NULL in schema[union] else self.example(schema[union][0])
        if "enum" in schema:
            return schema["enum"][0]
        if schema.get("type") == "object":
            return {name: self.example(part) for name, part in schema.get("properties", {}).items()}
        if schema.get("type") == "array":
            return [self.example(schema["items"])] if schema.get("items") and schema.get("maxItems") != 0 else []
        return _EXAMPLES.get(schema.get("format") or schema.get("type", ""), "…")

    def _core(self, schema: Schema) -> Schema:
        """Return a nullable schema without the null, where the limits stand."""
        for union in ("anyOf", "oneOf"):
            kinds = [self.resolve(kind) for kind in schema.get(union, ()) if kind and kind != _NULL]
            if len(kinds) == 1:
                return {**kinds[0], **{name: value for name, value in schema.items() if name != union}}
        return schema


def path_of(url: str) -> str:
    """Return the path of a URL, empty for a server at the root."""
    return urlsplit(url).path.rstrip("/")


def pretty(value: Any, indent: str = "", taken: int = 0) -> str:
    """Return a value as JSON to read: what fits a line, of which so much is ``taken``, stays on one."""
    line = msgspec.json.format(msgspec.json.encode(value), indent=0).decode()
    if len(indent) + taken + len(line) <= _LINE or not isinstance(value, dict | list) or not value:
        return line
    inner = f"{indent}  "
    if isinstance(value, dict):
        names = [f"{msgspec.json.encode(name).decode()}: " for name in value]
        parts = [name + pretty(part, inner, len(name)) for name, part in zip(names, value.values(), strict=True)]
        opening, closing = "{", "}"
    else:
        parts = [pretty(part, inner) for part in value]
        opening, closing = "[", "]"
    lines = ",\n".join(f"{inner}{part}" for part in parts)
    return f"{opening}\n{lines}\n{indent}{closing}"


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _plural(name: str) -> str:
    head, *rest = name.split(" ", 1)
    return " ".join((head if head.endswith("s") else f"{head}s", *rest))


def _type_of_enum(schema: Schema) -> str:
    values = schema.get("enum", ())
    return "boolean" if values and all(isinstance(value, bool) for value in values) else "string" if values else "any"


def _limits(schema: Schema, prefix: str = "") -> Iterator[str]:
    for low, high, unit in (
        ("minLength", "maxLength", "characters"),
        ("minItems", "maxItems", "items"),
        ("minProperties", "maxProperties", "entries"),
        ("minimum", "maximum", ""),
    ):
        if text := _range(schema.get(low), schema.get(high), unit):
            yield prefix + text
    if prefix and (description := schema.get("description")):
        yield prefix + description


def _range(low: float | None, high: float | None, unit: str) -> str:
    if high is None:
        return "" if not low else f"at least {low:n} {unit}".rstrip()
    if high == 0:
        return "always empty"
    return (f"{low or 0:n} to {high:n} {unit}" if low is not None else f"at most {high:n} {unit}").rstrip()
