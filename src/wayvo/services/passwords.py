"""Passwords, as argon2id with the parameters of RFC 9106 §4's second choice, which OWASP's are weaker than."""

from typing import Final

from argon2 import PasswordHasher
from argon2.profiles import RFC_9106_LOW_MEMORY

MIN_LENGTH: Final = 12
MAX_LENGTH: Final = 256
_hasher: Final = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)


def hash_password(password: str) -> str:
    """Return the hash to store. Takes some 50 ms and 64 MiB: never on the event loop."""
    return _hasher.hash(password)
