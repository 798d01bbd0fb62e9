"""Cursors: where a page ended, in a form that only Wayvo can make and only for the same question."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import msgspec

Row = TypeVar("Row")

MAX_CURSOR_LENGTH: Final = 512
MAX_PAGE: Final = 100
DEFAULT_PAGE: Final = 50
_MAC_BYTES: Final = 16


class Position(msgspec.Struct, frozen=True, array_like=True):
    """The last row of a page: what it was sorted by (``None`` where the id alone sorts), and its id."""

    value: int | None
    id: str


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Rows (at most as many as were asked for), and where the next page starts (``None``: there is none)."""

    rows: tuple[Row, ...]
    next: Position | None


class Cursors:
    """Makes and reads cursors. The MAC covers the question: a cursor can't be carried to other filters or callers."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, position: Position, question: str) -> str:
        """Return the cursor for ``position`` in the list that ``question`` (the caller and the filters) asks for."""
        payload = msgspec.json.encode(position)
        return base64.urlsafe_b64encode(self._mac(payload, question) + payload).rstrip(b"=").decode()

    def open(self, cursor: str, question: str) -> Position | None:
        """Return the position, ``None`` if the cursor was made up, changed, or belongs to another question."""
        try:
            sealed = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        except (binascii.Error, UnicodeEncodeError):
            return None
        mac, payload = sealed[:_MAC_BYTES], sealed[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(payload, question)):
            return None
        return msgspec.json.decode(payload, type=Position)

    def _mac(self, payload: bytes, question: str) -> bytes:
        state = hashlib.blake2b(key=self._key, digest_size=_MAC_BYTES)
        state.update(hashlib.sha256(question.encode()).digest())
        state.update(payload)
        return state.digest()
