"""What can go wrong with a call: refused, unanswered, or never sent. None of these errors ever holds the API key."""

import msgspec


class FieldFault(msgspec.Struct, frozen=True):
    """What the server found wrong with one field of the request."""

    field: str
    message: str


class WayvoError(Exception):
    """The server answered with a refusal or a fault.

    ``code`` is stable and made for programs, ``detail`` is made for people; ``docs_url`` explains the code. An answer
    that isn't one of Wayvo's (a proxy's error page) has the code ``unexpected_answer``. ``retry_after`` is in seconds.
    """

    def __init__(
        self,
        *,
        code: str,
        status: int,
        detail: str,
        errors: tuple[FieldFault, ...] = (),
        request_id: str | None = None,
        retry_after: float | None = None,
        docs_url: str | None = None,
    ) -> None:
        super().__init__(f"{detail} ({code}, HTTP {status})")
        self.code = code
        self.status = status
        self.detail = detail
        self.errors = errors
        self.request_id = request_id
        self.retry_after = retry_after
        self.docs_url = docs_url


class TransportError(Exception):
    """No answer came: the server can't be reached, or the connection broke. A change may have been made even so."""


class UnsendableError(ValueError):
    """The call was not sent, as a value has no place in it: a broken URL, a key that isn't one, a secret as an id."""
