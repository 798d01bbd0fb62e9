"""A curl line for an operation, to be pasted as it stands where ``WAYVO_URL`` and ``WAYVO_API_KEY`` are set."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from wayvo.api.pages.schemas import Schemas, pretty

_FILLED_IN: Final = {"THE_PRESENTED_API_KEY": "WAYVO_API_KEY", "TOKEN_OF_THE_LINK": "INVITATION_TOKEN"}
"""What stands for a secret in an example, and the variable that the shell has it from."""


def curl(schemas: Schemas, path: str, method: str, operation: Mapping[str, Any]) -> str:
    """Return the line, broken where the shell lets it be."""
    parameters = operation.get("parameters", ())
    filled = re.sub(r"\{(\w+)\}", lambda found: _path_value(found[1], parameters), path)
    options = ("" if _has_body(operation) else " -i") + ("" if method == "get" else f" -X {method.upper()}")
    parts = [f'curl{options} "$WAYVO_URL{filled}"']
    if operation.get("security"):
        parts.append('-H "Authorization: Bearer $WAYVO_API_KEY"')
    parts += [f'-H "{name}: $WAYVO_API_KEY"' for name in _required_headers(parameters)]
    if body := operation.get("requestBody"):
        content = body["content"]["application/json"]
        parts += ['-H "Content-Type: application/json"', f"-d '{_body(schemas, content)}'"]
    return " \\\n  ".join(parts)


def _has_body(operation: Mapping[str, Any]) -> bool:
    """Say whether a success has something to show beside its headers."""
    return any(response.get("content") for status, response in operation["responses"].items() if status < "300")


def variable(parameter: str) -> str:
    """Return the shell variable that holds a path parameter."""
    return parameter.upper()


def _path_value(name: str, parameters: Any) -> str:
    for parameter in parameters:
        if parameter["name"] == name and parameter["in"] == "path" and parameter["schema"].get("examples"):
            return str(parameter["schema"]["examples"][0])
    return f"${variable(name)}"


def _required_headers(parameters: Any) -> Iterator[str]:
    for parameter in parameters:
        if parameter["in"] == "header" and parameter.get("required"):
            yield parameter["name"]


def _body(schemas: Schemas, content: Mapping[str, Any]) -> str:
    example = content.get("example", schemas.example(content["schema"]))
    text = pretty(example, "  ")
    text = text.replace("'", "'\\''")
    for placeholder, variable_name in _FILLED_IN.items():
        # Leaves the quotes for a moment, so that the shell fills it in: a caller may always ask about its own key.
        text = text.replace(placeholder, f"'${variable_name}'")
    return text
