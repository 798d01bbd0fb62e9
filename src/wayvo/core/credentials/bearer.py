"""``Authorization: Bearer …`` as it comes in (RFC 6750 §2.1)."""

from typing import Final

from wayvo.core.errors import MalformedCredential, MissingCredential
from wayvo.core.header_fields import LINE_END, Fields

NOTHING: Final = MissingCredential("Send the header Authorization: Bearer YOUR_API_KEY.")
OTHER_SCHEME: Final = MissingCredential("The Authorization header uses another scheme than Bearer.")
REPEATED: Final = MalformedCredential("The request has more than one Authorization header.")
BROKEN: Final = MalformedCredential("The Authorization header is not the word Bearer, a space and one credential.")

_AS_MOST_WRITE_IT: Final = b"Bearer "

# Looking for a byte by its number takes a fifth of the time that looking for it as bytes takes.
_SPACE, _TAB, _LINE_END = ord(" "), ord("\t"), ord(LINE_END)


def bearer(fields: Fields) -> bytes | MissingCredential | MalformedCredential:
    """Return the credential in a request's header fields, or what is wrong with how it came.

    Two headers are refused, whatever they say: a proxy and Wayvo could believe different ones.
    """
    value = fields.get(b"authorization")
    if value is None:
        return NOTHING
    if _LINE_END in value:
        return REPEATED
    if value.startswith(_AS_MOST_WRITE_IT):
        credential = value[len(_AS_MOST_WRITE_IT) :].strip()
    else:
        scheme, _, credential = value.strip().partition(b" ")
        if scheme.lower() != b"bearer":
            return OTHER_SCHEME
        credential = credential.strip()
    if not credential or _SPACE in credential or _TAB in credential:
        return BROKEN
    return credential
