"""A request's header fields by name, so that each is found by one look."""

from collections.abc import Iterable, Mapping
from typing import Final

Fields = Mapping[bytes, bytes]
"""Values by name in lower case. A field that stood on several lines has them all, with :data:`LINE_END` between."""

LINE_END: Final = b"\n"
"""Stands in no field's value (RFC 9110 §5.5): where it is found, there were several lines."""


def fields_of(headers: Iterable[tuple[bytes, bytes]]) -> Fields:
    """Return header fields by name, from pairs whose names are in lower case."""
    pairs = tuple(headers)
    fields = dict(pairs)
    if len(fields) == len(pairs):
        return fields
    lines: dict[bytes, list[bytes]] = {name: [] for name in fields}
    for name, value in pairs:
        lines[name].append(value)
    return {name: LINE_END.join(values) for name, values in lines.items()}
