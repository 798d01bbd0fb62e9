"""Query strings that mean one thing: no parameter twice, none that nobody knows."""

from collections.abc import Collection
from urllib.parse import parse_qsl

from wayvo.core.errors import FieldError, InvalidRequest
from wayvo.core.strict_json import shown_name


def parse_query(query: bytes, known: Collection[str]) -> dict[str, str] | InvalidRequest:
    """Return the parameters of a query string, or what is wrong with it."""
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=20)
    except ValueError:
        return InvalidRequest("The query string is malformed.")
    parameters: dict[str, str] = {}
    for name, value in pairs:
        if name not in known:
            return refuse_parameter(name, "is not a parameter of this request")
        if name in parameters:
            return refuse_parameter(name, "stands twice in the query")
        parameters[name] = value
    return parameters


def refuse_parameter(name: str, message: str) -> InvalidRequest:
    """Return the refusal of one parameter."""
    shown = shown_name(name)
    return InvalidRequest(f"{shown}: {message}", (FieldError(shown, message),))
