"""Identifiers: a type prefix and a UUIDv7 in base32, so that they sort by the time of their creation.

The 26 characters use RFC 4648's base32hex alphabet in lower case, whose order is the order of the bits.
"""

from typing import Final, Literal

IdKind = Literal["org", "usr", "prj", "key", "api", "rol", "inv", "fmt", "evt"]
"""What an id names: organization, user, project, API key, API, role, invitation, foreign key format, audit event."""

ENTROPY_BYTES: Final = 8
"""Random bytes that :func:`new_id` wants."""

_ALPHABET: Final = "0123456789abcdefghijklmnopqrstuv"
_PAIRS: Final = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_VERSION_7: Final = 0x7 << 76
_VARIANT: Final = 0b10 << 62


def new_id(kind: IdKind, now_us: int, entropy: bytes) -> str:
    """Return a fresh id such as ``key_034q…``.

    ``now_us`` is UTC in microseconds since 1970, ``entropy`` holds :data:`ENTROPY_BYTES` random bytes. The 12 bits
    after the version carry the fraction of the millisecond (RFC 9562 §6.2, method 3): ids of one millisecond sort too.
    """
    milliseconds, fraction_us = divmod(now_us, 1000)
    sub_millisecond = (fraction_us << 12) // 1000
    random = int.from_bytes(entropy[:ENTROPY_BYTES]) & ((1 << 62) - 1)
    value = (milliseconds & ((1 << 48) - 1)) << 80 | _VERSION_7 | sub_millisecond << 64 | _VARIANT | random
    return f"{kind}_{''.join(_PAIRS[value >> shift & 1023] for shift in range(120, -10, -10))}"
