"""An API key's life: made, changed, rotated with an overlap, revoked, expired."""

from typing import Final, Literal

import msgspec

from wayvo.core.access.grants import Access
from wayvo.core.credentials.format import Mode
from wayvo.core.errors import AlreadyRotated, ApiKeyEnded, InvalidField, Problem, invalid
from wayvo.core.instants import DAY_US, SECOND_US, format_instant

Status = Literal["active", "expired", "revoked"]

MAX_LIFETIME_US: Final = 3653 * DAY_US
"""Ten years: a later expiry is a slip of the keyboard, and "never" has its own form (none)."""
MAX_OVERLAP_SECONDS: Final = 30 * 86_400
DEFAULT_OVERLAP_SECONDS: Final = 86_400


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A stored API key, without its secret. Instants are microseconds; ``None`` where a thing has not happened.

    Without ``user_id`` it speaks for its project's service account, with it for that user.
    """

    id: str
    organization_id: str
    project_id: str
    name: str
    description: str
    mode: Mode
    access: Access
    allowed_networks: tuple[str, ...]
    metadata: dict[str, str]
    prefix: str
    last_four: str
    created_at: int
    created_by: str | None
    expires_at: int | None = None
    revoked_at: int | None = None
    revocation_reason: str | None = None
    last_used_at: int | None = None
    last_used_network: str | None = None
    predecessor_id: str | None = None
    successor_id: str | None = None
    user_id: str | None = None

    def status(self, now_us: int) -> Status:
        """Return what the key is at ``now_us``; an expiry is in force in its very microsecond."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= now_us:
            return "expired"
        return "active"


class Issued(msgspec.Struct, frozen=True):
    """A key just made, with the secret that is shown this once. Its ``repr`` does not show it."""

    key: ApiKey
    secret: str

    def __repr__(self) -> str:
        return f"Issued({self.key.id})"


class Rotation(msgspec.Struct, frozen=True):
    """What a rotation decides: when the old key ends and when the new one does (``None``: never)."""

    predecessor_expires_at: int
    successor_expires_at: int | None


def check_expiry(expires_at: int | None, now_us: int) -> InvalidField | None:
    """Return the refusal of an expiry that is past or absurdly far."""
    if expires_at is None:
        return None
    if expires_at <= now_us:
        return invalid("expires_at", "must be in the future")
    if expires_at > now_us + MAX_LIFETIME_US:
        latest = format_instant(now_us + MAX_LIFETIME_US)
        return invalid("expires_at", f"must be within ten years (by {latest}); leave it out for a key without expiry")
    return None


def ended(key: ApiKey, now_us: int) -> ApiKeyEnded | None:
    """Return the refusal to touch a key that has ended."""
    status = key.status(now_us)
    return (
        None if status == "active" else ApiKeyEnded(f"The API key is {status}; that is for good. Create another one.")
    )


def rotate(key: ApiKey, now_us: int, overlap_seconds: int, expires_at: int | None) -> Rotation | Problem:
    """Decide a rotation.

    The old key works until the overlap ends, never past the expiry it had. The new one expires at ``expires_at``; if
    that is not given it lives as long as the old one was made to live.
    """
    if problem := ended(key, now_us):
        return problem
    if key.successor_id is not None:
        return AlreadyRotated(f"Its successor is {key.successor_id}; rotate that one.")
    end = now_us + overlap_seconds * SECOND_US
    if key.expires_at is not None:
        end = min(end, key.expires_at)
        if expires_at is None:
            expires_at = now_us + min(key.expires_at - key.created_at, MAX_LIFETIME_US)
    return check_expiry(expires_at, now_us) or Rotation(end, expires_at)
