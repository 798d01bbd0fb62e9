"""Operations of a protected API: which scopes a method and a path need.

Proxies, frameworks and file systems disagree about what an odd path means. Here a path has one reading or none: what
two of them could read differently is not matched with anything, so that it is denied.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec

MAX_OPERATIONS: Final = 500
MAX_PATTERN_LENGTH: Final = 500
METHOD_PATTERN: Final = r"^(\*|[A-Z]{1,20}(-[A-Z]{1,20})?)$"
ANY_METHOD: Final = "*"

_METHOD: Final = re.compile(r"[A-Z]{1,20}(-[A-Z]{1,20})?")
# RFC 3986 §3.3's path-absolute without ";", whose parameters some servers drop and others keep; then the query.
_TARGET: Final = re.compile(r"((?:/[A-Za-z0-9._~!$&'()*+,=:@%-]*)+)(?:\?[!-\"$-~]*)?")
# What is no percent-encoding; "/", "\", "." and ";" in disguise, and control characters; and what a second decoding
# would turn into something else.
_TRICK: Final = re.compile(r"%(?:(?![0-9A-F]{2})|2F|5C|2E|3B|[01][0-9A-F]|7F|25[0-9A-F]{2})", re.IGNORECASE)
_HIGH_CONTROL: Final = re.compile("[\x80-\x9f]")
_VARIABLE: Final = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]{0,63}\}")
_ONE: Final = "{}"
_REST: Final = "**"

Shape = tuple[str, ...]
"""A pattern's segments: a literal with a slash before it, ``{}`` for one segment, ``**`` for all the rest."""


class ApiOperation(msgspec.Struct, frozen=True, kw_only=True):
    """An operation that an API declares: these methods on paths of this pattern need all of these scopes."""

    methods: tuple[str, ...]
    path: str
    scopes: tuple[str, ...] = ()
    name: str | None = None


class Operation(msgspec.Struct, frozen=True, gc=False):
    """What a client does: a method, and the target as it stands in the request line (origin-form, RFC 9112 §3.2.1)."""

    method: str
    path: str


NOT_TOLD: Final = Operation("", "")
"""Stands for what is not known for certain. It is no operation of any API."""


class _Node(msgspec.Struct):
    """Where the patterns with one beginning go on. ``here`` has the scopes, by method, of those that end."""

    literals: dict[str, "_Node"] = {}
    one: "_Node | None" = None
    rest: "_Node | None" = None
    here: dict[str, tuple[str, ...]] = {}


class Operations(msgspec.Struct, frozen=True, eq=False, weakref=True):
    """An API's operations, compiled. Two are equal if they are one object: they are shared, and never compared."""

    declared: tuple[ApiOperation, ...]
    root: _Node

    def scopes_for(self, operation: Operation) -> tuple[str, ...] | None:
        """Return the scopes that an operation needs; ``None`` if no pattern stands for it.

        The most specific pattern decides: from the first segment on, a literal goes before ``{}``, and that before
        ``**``; for one pattern, a method that is named goes before ``*``.
        """
        method = operation.method
        segments = read_path(operation.path)
        if segments is None or not _METHOD.fullmatch(method):
            return None
        end = len(segments)
        # Each node is reached in one way only: the work is bounded by the size of what was declared.
        waiting = [(self.root, 0)]
        while waiting:
            node, depth = waiting.pop()
            if depth == end:
                scopes = node.here.get(method)
                if scopes is None:
                    scopes = node.here.get(ANY_METHOD)
                if scopes is not None:
                    return scopes
                continue
            segment = segments[depth]
            if node.rest is not None:
                waiting.append((node.rest, end))
            if node.one is not None and segment:
                waiting.append((node.one, depth + 1))
            literal = node.literals.get(segment)
            if literal is not None:
                waiting.append((literal, depth + 1))
        return None


def compile_operations(declared: tuple[ApiOperation, ...]) -> Operations:
    """Compile operations in which :func:`faults_in` finds nothing; a pattern that can't be read stands for nothing."""
    root = _Node()
    for operation in declared:
        shape = read_pattern(operation.path)
        if shape is None:
            continue
        node = root
        for part in shape:
            node = _next(node, part)
        for method in operation.methods:
            node.here[method] = operation.scopes
    return Operations(declared, root)


def _next(node: _Node, part: str) -> _Node:
    if part == _ONE:
        node.one = node.one or _Node()
        return node.one
    if part == _REST:
        node.rest = node.rest or _Node()
        return node.rest
    return node.literals.setdefault(part[1:], _Node())


def read_path(target: str) -> list[str] | None:
    """Return the segments of a path, decoded, without its query; ``None`` if it could be read in two ways.

    The last segment is empty if the path ends with a slash; no other is. Decoded is everything, not only what RFC 3986
    §2.3 calls unreserved: to a server ``%21`` is ``!``, and a pattern for the one has to catch the other.
    """
    found = _TARGET.fullmatch(target)
    if found is None:
        return None
    segments = found[1][1:].split("/")
    if "" in segments[:-1] or "." in segments or ".." in segments:
        return None
    return _decoded(segments) if "%" in found[1] else segments


def _decoded(segments: list[str]) -> list[str] | None:
    if any(_TRICK.search(segment) for segment in segments):
        return None
    try:
        # Overlong forms, in which some see a slash, are no UTF-8.
        decoded = [unquote_to_bytes(segment).decode("utf-8") for segment in segments]
    except UnicodeDecodeError:
        return None
    return None if any(_HIGH_CONTROL.search(segment) for segment in decoded) else decoded


def read_pattern(path: str) -> Shape | None:
    """Return the shape of a declared path, ``None`` if it is none."""
    if len(path) > MAX_PATTERN_LENGTH or not path.startswith("/") or "?" in path:
        return None
    parts = path[1:].split("/")
    shape: list[str] = []
    for index, part in enumerate(parts):
        is_last = index == len(parts) - 1
        if _VARIABLE.fullmatch(part):
            shape.append(_ONE)
        elif part == _REST and is_last:
            shape.append(_REST)
        else:
            literal = None if "*" in part or (part == "" and not is_last) else read_path(f"/{part}")
            if literal is None:
                return None
            shape.append(f"/{literal[0]}")
    return tuple(shape)


def faults_in(operations: Iterable[ApiOperation], declared: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with operations of an API that declares these scopes, as (field, message)."""
    taken: dict[tuple[str, Shape], int] = {}
    for index, operation in enumerate(operations):
        if index == MAX_OPERATIONS:
            yield "operations", f"has more than {MAX_OPERATIONS} entries"
            return
        field = f"operations[{index}]"
        yield from _faults_of_methods(f"{field}.methods", operation.methods)
        for place, scope in enumerate(operation.scopes):
            if scope not in declared:
                yield f"{field}.scopes[{place}]", "is no scope that the API declares"
        shape = read_pattern(operation.path)
        if shape is None:
            yield f"{field}.path", "is a path such as /invoices/{id} or /files/**, in which nothing is ambiguous"
            continue
        for method in dict.fromkeys(operation.methods):
            earlier = taken.setdefault((method, shape), index)
            if earlier != index:
                yield f"{field}.path", f"stands for the same paths as operations[{earlier}].path, with the same method"


def _faults_of_methods(field: str, methods: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if not methods:
        yield field, 'names at least one method, or is ["*"]'
    for place, method in enumerate(methods):
        if method == ANY_METHOD:
            if len(methods) > 1:
                yield f"{field}[{place}]", "stands for every method, and so alone"
        elif not _METHOD.fullmatch(method):
            yield f"{field}[{place}]", "is a method in upper case, such as GET"
        elif method in methods[:place]:
            yield f"{field}[{place}]", "stands twice in the list"
