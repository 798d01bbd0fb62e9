"""JSON as strangers may send it: one meaning or none.

Duplicate names, ``NaN``, lone surrogates, NUL and bottomless nesting are refused before anything looks at the values
(RFC 8259 §4, §8.2 leave them to the receiver, and two receivers that differ are an attack).
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, Generic, TypeVar

import msgspec
import msgspec.structs

from wayvo.core.errors import InvalidField, MalformedJson, invalid

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)

_ENUM: Final = "Invalid enum value "
_PATTERN: Final = "Expected `str` matching regex "
_OBJECT_FIELD: Final = re.compile(r"^Object (?:missing required|contains unknown) field `(?P<name>.*?)`", re.DOTALL)
_PATH: Final = re.compile(r" - at (?:`key` in )?`\$\.?(?P<path>.*)`$", re.DOTALL)
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z-]*(_[A-Za-z-]+){0,4}")
_URI: Final = re.compile(r"[a-z][a-z0-9+.-]*:[!-~]+")
_LONG_RUN: Final = re.compile(r"\w{32}")
_WHOLE_BODY: Final = "body"
_MOST_DIGITS: Final = 100
_BACKSLASH: Final = ord("\\")  # as in ``bearer``: a byte is found quickest by its number


def loads(body: bytes) -> Any | MalformedJson | InvalidField:
    """Return the value of ``body`` as plain Python objects, or why it is refused."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return MalformedJson("The body is not UTF-8.")
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_int=_integer, parse_constant=_constant)
        # Both can only have come in as escapes: raw ones are no UTF-8 and no JSON.
        unwanted = _place_of_unwanted(value) if "\\u" in text else None
    except json.JSONDecodeError as error:
        return MalformedJson(f"{error.msg}, at line {error.lineno}, column {error.colno}.")
    except RecursionError:
        return MalformedJson("The body nests too deeply.")
    except ValueError as error:
        return MalformedJson(f"{error}.")
    return value if unwanted is None else invalid(unwanted, "must not contain NUL or lone surrogates")


def decode(body: bytes, target: type[T]) -> T | MalformedJson | InvalidField:
    """Return ``body`` as ``target``, or which field is wrong."""
    value = loads(body)
    if isinstance(value, MalformedJson | InvalidField):
        return value
    try:
        return msgspec.convert(value, target)
    except msgspec.ValidationError as error:
        return invalid(*locate(str(error)))


class FlatDecoder(Generic[S]):
    """Decodes a struct several times as fast as :func:`decode` and just as strictly.

    ``nested`` are the structs that it may hold, once each. Without a backslash in the body a name is written in one way
    only: one that stands there once stands in one object once. Msgspec refuses the rest (what is no UTF-8, control
    characters, ``NaN``). Whatever is in doubt takes the slow way, which also finds the words for a refusal.
    """

    def __init__(self, target: type[S], *nested: type[msgspec.Struct]) -> None:
        self._target = target
        self._decoder = msgspec.json.Decoder(target)
        structs: tuple[type[msgspec.Struct], ...] = (target, *nested)
        fields = [field for struct in structs for field in msgspec.structs.fields(struct)]
        self._names = tuple(f'"{field.encode_name}"'.encode() for field in fields)

    def decode(self, body: bytes) -> S | MalformedJson | InvalidField:
        """Return ``body`` as the target, or which field is wrong."""
        if _BACKSLASH not in body and self._has_no_name_twice(body):
            try:
                return self._decoder.decode(body)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                pass
        return decode(body, self._target)

    def _has_no_name_twice(self, body: bytes) -> bool:
        # A loop: it is several times as quick as a generator in all().
        for name in self._names:  # noqa: SIM110
            if body.count(name) > 1:
                return False
        return True


def locate(message: str, at: str = "") -> tuple[str, str]:
    """Split a complaint of msgspec's, found ``at`` a path, into the field that is wrong and what is wrong with it."""
    path = _PATH.search(message)
    if path is not None:
        at, message = path["path"], message[: path.start()]
    if found := _OBJECT_FIELD.match(message):
        is_missing = message.startswith("Object missing")
        # The name of what is missing is ours.
        name = found["name"] if is_missing else shown_name(found["name"])
        at = f"{at}.{name}" if at else name
        message = "is required" if is_missing else "is not a field of this request"
    elif message.startswith(_ENUM):
        # The library repeats the value, which could be a secret in the wrong place.
        message = "is none of the values that may stand here"
    elif message.startswith(_PATTERN) and at.endswith("email"):
        message = "is not an email address"
    return at or _WHOLE_BODY, message


def shown_name(name: str) -> str:
    """Return a field's name as an answer may repeat it: what does not look like a name could be a secret."""
    return name if _NAME.fullmatch(name) else "(a name that is not repeated here)"


def shown_audience(audience: str) -> str:
    """Return an audience as an answer may repeat it: what is no URI, or has a long word in it, could be a secret."""
    return audience if _URI.fullmatch(audience) and not _LONG_RUN.search(audience) else "(not repeated here)"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for name, member in pairs:
        if name in value:
            raise ValueError(f"The name {shown_name(name)} stands twice in one object")
        value[name] = member
    return value


def _integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError("A number has too many digits")
    return int(digits)


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _place_of_unwanted(value: Any) -> str | None:
    for path, string in _strings(value, ""):
        if "\0" in string or not _is_encodable(string):
            return path or _WHOLE_BODY
    return None


def _strings(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, member in value.items():
            yield path, name
            shown = shown_name(name)
            yield from _strings(member, f"{path}.{shown}" if path else shown)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _strings(member, f"{path}[{index}]")


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
