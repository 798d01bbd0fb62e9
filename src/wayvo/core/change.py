"""A change that every cache must hear of: one outbox row, one message on the bus."""

from typing import Literal

import msgspec

ChangeKind = Literal["credential", "project", "api", "organization", "member", "role", "key_format"]


class Change(msgspec.Struct, frozen=True):
    """What changed, and when (microseconds).

    ``subject`` is the credential's digest in hex, or the id of the project, API, organization or role; for a member it
    is the id of the user. For a key format it is the format itself as JSON: keys of it were imported.
    """

    kind: ChangeKind
    subject: str
    at: int
