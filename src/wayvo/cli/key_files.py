"""Files of keys to import, read row by row: CSV with a header, or a JSON object a line.

A key that stands in a file in full is hashed here, and goes no further.
"""

import csv
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from wayvo.cli.failures import CommandFailed, ExitCode
from wayvo.core.credentials.foreign import STRONG_BITS, KeyFormat, pattern_of
from wayvo.core.credentials.format import last_four

LONGEST_LINE: Final = 65_536

_TEXTS: Final = (
    "sha256",
    "key",
    "name",
    "description",
    "project_id",
    "mode",
    "expires_at",
    "created_at",
    "prefix",
    "last_four",
    "external_id",
)
_LISTS: Final = ("scopes", "allowed_networks")
_METADATA: Final = "metadata."
_COLUMNS: Final = (*_TEXTS, *_LISTS, "access", f"{_METADATA}NAME")
_IS_NEITHER: Final = "is missing, and so is sha256: give one of the two"
_IS_NO_KEY: Final = "does not have the form that --prefix, --alphabet and --length say"


@dataclass(frozen=True, slots=True)
class Row:
    """A row, and the line that it ends on; or, without ``fields``, what is wrong with it."""

    line: int
    fields: Mapping[str, Any] | None
    field: str = "row"
    message: str = ""

    def __repr__(self) -> str:
        return f"Row({self.line})"


def read_csv(file: BinaryIO, advance: Callable[[int], None]) -> Iterator[Row]:
    """Yield the rows of a CSV file; ``advance`` is told how many bytes were read."""
    reader = csv.reader(_lines(file, advance), strict=True)
    try:
        header = next(reader, [])
        _check_header(header)
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                yield Row(reader.line_num, None, message=f"has {len(cells)} cells where the header has {len(header)}")
                continue
            yield _of_cells(reader.line_num, {name: cell for name, cell in zip(header, cells, strict=True) if cell})
    except csv.Error as error:
        raise CommandFailed(f"Line {reader.line_num} is no CSV: {error}.", ExitCode.INVALID) from None


def read_json_lines(file: BinaryIO, advance: Callable[[int], None]) -> Iterator[Row]:
    """Yield the rows of a file with a JSON object a line; ``advance`` is told how many bytes were read."""
    for number, line in enumerate(_lines(file, advance), 1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError):
            yield Row(number, None, message="is no JSON")
            continue
        if isinstance(fields, dict):
            yield Row(number, fields)
        else:
            yield Row(number, None, message="is no JSON object")


class Hasher:
    """Puts the SHA-256 in the place of a key that stands in a row in full."""

    def __init__(self, known: KeyFormat) -> None:
        self._looks_right = pattern_of((known,)).fullmatch
        shown = len("last")
        rest = KeyFormat(known.prefix, known.alphabet, max(known.min_length - shown, 1), known.max_length)
        # Four characters that everybody sees are four that nobody has to guess.
        self._shows_last_four = rest.bits >= STRONG_BITS

    def __call__(self, row: Row) -> Row:
        """Return the row as it may be sent."""
        if row.fields is None:
            return row
        if "key" not in row.fields:
            return row if "sha256" in row.fields else Row(row.line, None, "key", _IS_NEITHER)
        fields = dict(row.fields)
        key = fields.pop("key")
        if "sha256" in fields:
            return Row(row.line, None, "key", "stands beside sha256: give one of the two")
        if not isinstance(key, str) or not self._looks_right(key.encode(errors="replace")):
            return Row(row.line, None, "key", _IS_NO_KEY)
        fields["sha256"] = hashlib.sha256(key.encode()).hexdigest()
        if self._shows_last_four:
            fields.setdefault("last_four", last_four(key))
        return Row(row.line, fields)


def _lines(file: BinaryIO, advance: Callable[[int], None]) -> Iterator[str]:
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise CommandFailed(f"Line {number} is longer than {LONGEST_LINE} bytes.", ExitCode.INVALID)
        advance(len(line))
        try:
            # What some programs put before a text in UTF-8.
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise CommandFailed(f"Line {number} is not UTF-8.", ExitCode.INVALID) from None


def _check_header(header: list[str]) -> None:
    known = {*_TEXTS, *_LISTS, "access"}
    unknown = [name for name in header if name not in known and not re.fullmatch(rf"{_METADATA}.+", name)]
    if unknown or not header or len(set(header)) != len(header):
        # The names are not repeated: without a header, they are the first row, and may be a key.
        raise CommandFailed(
            f"The first line of the file has to name its columns, each once, out of {', '.join(_COLUMNS)}.",
            ExitCode.INVALID,
        )


def _of_cells(line: int, cells: Mapping[str, str]) -> Row:
    fields: dict[str, Any] = {name: cells[name] for name in _TEXTS if name in cells}
    for name in _LISTS:
        if name in cells:
            fields[name] = _words(cells[name])
    access: dict[str, list[str]] = {}
    for word in cells.get("access", "").split():
        audience, _, scopes = word.rpartition("=")
        if not audience or not scopes:
            return Row(line, None, "access", "is AUDIENCE=SCOPE,SCOPE; several are separated by spaces")
        access.setdefault(audience, []).extend(_words(scopes))
    if access:
        fields["access"] = access
    metadata = {name.removeprefix(_METADATA): cell for name, cell in cells.items() if name.startswith(_METADATA)}
    if metadata:
        fields["metadata"] = metadata
    return Row(line, fields)


def _words(cell: str) -> list[str]:
    return cell.replace(",", " ").split()
