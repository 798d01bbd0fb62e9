"""Passwords, as argon2id with the parameters of RFC 9106 §4's second choice, which OWASP's are weaker than."""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from wayvo.core.errors import Overloaded

T = TypeVar("T")

MIN_LENGTH: Final = 12
MAX_LENGTH: Final = 256
AT_ONCE: Final = 2
"""Each hashing takes 64 MiB for its time."""
WAITING: Final = 32
"""Those that are being hashed among them."""
_hasher: Final = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)


def hash_password(password: str) -> str:
    """Return the hash to store. Takes some 50 ms and 64 MiB: never on the event loop."""
    return _hasher.hash(password)


def is_password(password: str, password_hash: str) -> bool:
    """Say whether a password is the one that was hashed. Costs what :func:`hash_password` does."""
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


class PasswordHashing:
    """Hashes on threads: a few at once, and a few more waiting. Beyond them it is too much to do at the moment."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def hash(self, password: str) -> str | Overloaded:
        """Return the hash of a password."""
        return await self._run(lambda: hash_password(password))

    async def check(self, password: str, password_hash: str) -> bool | Overloaded:
        """Say whether a password is the one that was hashed."""
        return await self._run(lambda: is_password(password, password_hash))

    async def _run(self, step: Callable[[], T]) -> T | Overloaded:
        if self._waiting >= WAITING:
            return Overloaded("Many passwords are being checked. Try again in a moment.")
        self._waiting += 1
        try:
            async with self._free:
                return await asyncio.to_thread(step)
        finally:
            self._waiting -= 1
