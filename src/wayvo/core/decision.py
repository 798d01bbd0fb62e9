"""The answer of verification: ``valid``, or a denial with a stable code."""

from enum import StrEnum


class Code(StrEnum):
    """Every outcome of a verification, in the order in which the judge looks; last, that it can't tell."""

    VALID = "valid"
    MALFORMED = "malformed"
    UNKNOWN = "unknown"
    REVOKED = "revoked"
    ORGANIZATION_DISABLED = "organization_disabled"
    EXPIRED = "expired"
    WRONG_MODE = "wrong_mode"
    WRONG_AUDIENCE = "wrong_audience"
    NETWORK_DENIED = "network_denied"
    UNKNOWN_OPERATION = "unknown_operation"
    INSUFFICIENT_SCOPE = "insufficient_scope"
    UNAVAILABLE = "unavailable"
