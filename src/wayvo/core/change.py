"""A change that every cache must hear of: one outbox row, one message on the bus."""

from typing import Literal

import msgspec

ChangeKind = Literal["credential", "project", "api", "organization"]


class Change(msgspec.Struct, frozen=True):
    """What changed, and when (microseconds).

    ``subject`` is the credential's digest in hex, or the id of the project, API or organization.
    """

    kind: ChangeKind
    subject: str
    at: int
