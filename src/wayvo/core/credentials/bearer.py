"""``Authorization: Bearer …`` as it comes in (RFC 6750 §2.1)."""

from collections.abc import Iterable
from typing import Final

from wayvo.core.errors import MalformedCredential, MissingCredential

NOTHING: Final = MissingCredential("Send the header Authorization: Bearer YOUR_API_KEY.")
OTHER_SCHEME: Final = MissingCredential("The Authorization header uses another scheme than Bearer.")
REPEATED: Final = MalformedCredential("The request has more than one Authorization header.")
BROKEN: Final = MalformedCredential("The Authorization header is not the word Bearer, a space and one credential.")


def bearer(headers: Iterable[tuple[bytes, bytes]]) -> bytes | MissingCredential | MalformedCredential:
    """Return the credential in a request's headers (their names in lower case), or what is wrong with how it came.

    Two headers are refused, whatever they say: a proxy and Wayvo could believe different ones.
    """
    value: bytes | None = None
    for name, content in headers:
        if name == b"authorization":
            if value is not None:
                return REPEATED
            value = content
    if value is None:
        return NOTHING
    scheme, _, credential = value.strip().partition(b" ")
    if scheme.lower() != b"bearer":
        return OTHER_SCHEME
    credential = credential.strip()
    if not credential or b" " in credential or b"\t" in credential:
        return BROKEN
    return credential
