"""The form of keys that were made elsewhere, as an import tells it: a prefix, and so many characters of an alphabet.

It says which strings are worth looking for, and how many there could be: a key that can be guessed is no key.
"""

import math
import re
from typing import Final

import msgspec

from wayvo.core.credentials.format import MAX_KEY_LENGTH
from wayvo.core.errors import InvalidField, invalid

MAX_FORMATS: Final = 100
"""How many formats an installation has at most: each is tried on whatever is no key of Wayvo's own."""
MAX_FORMATS_PER_ORGANIZATION: Final = 20

STRONG_BITS: Final = 100
"""From here on nobody guesses: 2¹⁰⁰ attempts at a million a second take longer than the universe is old."""
WEAK_BITS: Final = 64
"""Below it a botnet against a million keys has a chance: refused, unless the operator accepts it by name."""
FEW_CHARACTERS: Final = 32
"""Without a prefix, what is shorter looks like much else."""

_DIGITS: Final = "0123456789"
_LOWER: Final = "abcdefghijklmnopqrstuvwxyz"
_UPPER: Final = _LOWER.upper()
ALPHABETS: Final = {
    "digits": _DIGITS,
    "hex": _DIGITS + "abcdef",
    "hex-upper": _DIGITS + "ABCDEF",
    "uuid": _DIGITS + "abcdef-",
    "base32": _UPPER + "234567",
    "base36": _DIGITS + _LOWER,
    "base58": "".join(char for char in _DIGITS + _UPPER + _LOWER if char not in "0OIl"),
    "base62": _DIGITS + _UPPER + _LOWER,
    "base64": _DIGITS + _UPPER + _LOWER + "+/=",
    "base64url": _DIGITS + _UPPER + _LOWER + "-_",
}
"""The alphabets that have a name. Any other is given by its characters."""

_SILENT: Final = frozenset("-=")
"""Characters of named alphabets that stand at known places, and add nothing to guess."""
_VISIBLE: Final = re.compile(r"[!-~]*")
ANYTHING: Final = re.compile(rb"[!-~]+")
"""What could be a key of some format."""


class KeyFormat(msgspec.Struct, frozen=True, order=True):
    """What keys made elsewhere look like. The lengths are of what follows the prefix."""

    prefix: str
    alphabet: str
    min_length: int
    max_length: int

    @property
    def characters(self) -> str:
        """The characters that may follow the prefix."""
        return ALPHABETS.get(self.alphabet, self.alphabet)

    @property
    def bits(self) -> float:
        """How many bits of chance its shortest keys hold at most."""
        guessed = set(self.characters)
        if self.alphabet in ALPHABETS:
            guessed -= _SILENT if self.alphabet in ("uuid", "base64") else frozenset()
        return self.min_length * math.log2(len(guessed))

    @property
    def is_weak(self) -> bool:
        """Whether its keys could be guessed."""
        return self.bits < WEAK_BITS

    def warnings(self) -> tuple[str, ...]:
        """Return what is to be said of the format to who imports keys of it."""
        found = []
        if self.bits < STRONG_BITS:
            found.append(
                f"The shortest keys of this format hold {self.bits:.0f} bits at most; {STRONG_BITS} are out of reach. "
                "Rotate the shorter ones soon."
            )
        if not self.prefix and self.min_length < FEW_CHARACTERS:
            found.append(
                "The format has no prefix and is short: much that is no key looks like one, is looked for in the "
                "database, and is answered as unknown instead of malformed."
            )
        return tuple(found)


def make_format(prefix: str, alphabet: str, min_length: int, max_length: int) -> KeyFormat | InvalidField:
    """Return the format, its alphabet by name if it has one, or which of its parts can't be."""
    if not _VISIBLE.fullmatch(prefix):
        return invalid("format.prefix", "has visible ASCII characters only, and no space")
    if alphabet not in ALPHABETS:
        characters = "".join(sorted(set(alphabet)))
        if len(characters) < 2 or not _VISIBLE.fullmatch(characters):
            names = ", ".join(ALPHABETS)
            return invalid("format.alphabet", f"is one of {names}, or at least two different visible ASCII characters")
        named = {"".join(sorted(known)): name for name, known in ALPHABETS.items()}
        alphabet = named.get(characters, characters)
    if min_length < 1:
        return invalid("format.min_length", "is at least 1")
    if max_length < min_length:
        return invalid("format.max_length", "is at least min_length")
    if len(prefix) + max_length > MAX_KEY_LENGTH:
        return invalid(
            "format.max_length", f"is too large: with its prefix a key has at most {MAX_KEY_LENGTH} characters"
        )
    return KeyFormat(prefix, alphabet, min_length, max_length)


def pattern_of(formats: tuple[KeyFormat, ...]) -> re.Pattern[bytes]:
    """Return what matches (as a whole) the keys of any of the formats. It never goes back: a match costs what it reads.

    Hot path, though only for what is no key of Wayvo's own.
    """
    return re.compile(b"|".join(_pattern(known) for known in sorted(formats)))


def _pattern(known: KeyFormat) -> bytes:
    characters = "".join(re.escape(char) for char in sorted(set(known.characters)))
    return f"{re.escape(known.prefix)}[{characters}]{{{known.min_length},{known.max_length}}}".encode()
