"""The root secret, the subkeys that it gives, and the keyed digest under which credentials are stored.

A digest under a key that is not in the database makes a stolen database worthless: with 190 random bits a slow
password hash would add nothing but its cost. Keyed BLAKE2b (RFC 7693 §2.9) is a MAC and costs 0.3 µs.
"""

import hashlib
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

ROOT_SECRET_BYTES: Final = 32
DIGEST_BYTES: Final = 32


class RootSecret:
    """One root secret. Never shown: its ``repr`` gives the fingerprint only."""

    __slots__ = ("_secret", "fingerprint")

    def __init__(self, secret: bytes) -> None:
        if len(secret) < ROOT_SECRET_BYTES:
            raise ValueError(f"a root secret has at least {ROOT_SECRET_BYTES} bytes")
        self._secret = secret
        self.fingerprint = self.subkey("fingerprint")[:8].hex()

    def __repr__(self) -> str:
        return f"RootSecret({self.fingerprint})"

    def subkey(self, purpose: str) -> bytes:
        """Return the 32 bytes that HKDF-SHA256 (RFC 5869) gives for ``purpose``."""
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"wayvo/{purpose}".encode()).derive(self._secret)


class Digester:
    """Digests credentials under one root secret: :data:`DIGEST_BYTES` bytes each."""

    __slots__ = ("_imported_state", "_state", "fingerprint")

    def __init__(self, root: RootSecret) -> None:
        self._state = hashlib.blake2b(key=root.subkey("credential-digest"), digest_size=DIGEST_BYTES)
        self._imported_state = hashlib.blake2b(key=root.subkey("imported-digest"), digest_size=DIGEST_BYTES)
        self.fingerprint = root.fingerprint

    def __call__(self, credential: bytes) -> bytes:
        state = self._state.copy()
        state.update(credential)
        return state.digest()

    def of_sha256(self, sha256: bytes) -> bytes:
        """Return the digest of a credential of which only the SHA-256 is known: another one, under another subkey."""
        state = self._imported_state.copy()
        state.update(sha256)
        return state.digest()

    def imported(self, credential: bytes) -> bytes:
        """Return what :meth:`of_sha256` gave for a credential when it was imported."""
        return self.of_sha256(hashlib.sha256(credential).digest())
