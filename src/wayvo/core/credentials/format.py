"""The form of an API key: ``wv_live_<32 base62><6 base62 checksum>``.

Brand, mode, 190 random bits and a CRC-32 of all that stands before it. The checksum is no secret: it lets a mistyped or
made-up key die without a look-up, and a scanner tell a key from a random string, offline.
"""

import zlib
from collections.abc import Collection
from enum import StrEnum
from typing import Final

SECRET_LENGTH: Final = 32
CHECKSUM_LENGTH: Final = 6
ENTROPY_BYTES: Final = 32
"""Random bytes that :func:`mint` wants; 256 bits reduced to 62³² leave a bias below 2⁻⁶⁵."""
MAX_KEY_LENGTH: Final = 64
BRAND_PATTERN: Final = r"^[a-z][a-z0-9]{1,11}$"

_ALPHABET: Final = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BASE: Final = 62
_PAIR_BASE: Final = _BASE * _BASE
_PAIRS: Final = tuple(bytes((high, low)) for high in _ALPHABET for low in _ALPHABET)
_TAIL: Final = SECRET_LENGTH + CHECKSUM_LENGTH


class Mode(StrEnum):
    """Whether a credential is for real (``live``) or for trying out (``test``)."""

    LIVE = "live"
    TEST = "test"


def key_prefix(brand: str, mode: Mode) -> str:
    """Return what a key of this brand and mode begins with, without its last underscore: ``wv_live``."""
    return f"{brand}_{mode.value}"


def mint(brand: str, mode: Mode, entropy: bytes) -> str:
    """Return a fresh key from :data:`ENTROPY_BYTES` random bytes."""
    return mint_token(key_prefix(brand, mode), entropy)


def invitation_prefix(brand: str) -> str:
    """Return what an invitation's token begins with, without its last underscore: ``wv_inv``."""
    return f"{brand}_inv"


def mint_token(prefix: str, entropy: bytes) -> str:
    """Return a fresh secret of a key's form under another prefix, from :data:`ENTROPY_BYTES` random bytes."""
    value = int.from_bytes(entropy[:ENTROPY_BYTES])
    secret = bytearray()
    for _ in range(SECRET_LENGTH):
        value, digit = divmod(value, _BASE)
        secret.append(_ALPHABET[digit])
    head = f"{prefix}_".encode() + bytes(secret)
    return (head + _checksum(head)).decode()


def is_well_formed(token: bytes, prefixes: Collection[bytes]) -> bool:
    """Say whether ``token`` has one of ``prefixes`` (such as ``b"wv_live_"``), the length and the checksum of a key.

    Hot path: no look-up, no exception, about a microsecond.
    """
    head = token[:-CHECKSUM_LENGTH]
    return (
        token[:-_TAIL] in prefixes and token[-CHECKSUM_LENGTH:] == _checksum(head) and head[-SECRET_LENGTH:].isalnum()
    )


def prefixes_of(brand: str) -> frozenset[bytes]:
    """Return what the keys of a brand may begin with, as :func:`is_well_formed` wants it."""
    return frozenset(f"{key_prefix(brand, mode)}_".encode() for mode in Mode)


def last_four(key: str) -> str:
    """Return the four characters that stay visible: the end of the checksum, which tells keys apart and no secret."""
    return key[-4:]


def _checksum(head: bytes) -> bytes:
    value = zlib.crc32(head)
    return _PAIRS[value // _PAIR_BASE**2] + _PAIRS[value // _PAIR_BASE % _PAIR_BASE] + _PAIRS[value % _PAIR_BASE]
