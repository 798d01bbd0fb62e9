"""Invitations: a link that makes whoever opens it a member, once, for a week."""

from typing import Final, Literal

import msgspec

from wayvo.core.instants import DAY_US

LIFETIME_US: Final = 7 * DAY_US
MAX_OPEN: Final = 1000
"""How many an organization may have open at once."""
KEPT_US: Final = 90 * DAY_US
"""How long one that has ended stays in the list; the audit trail keeps it longer."""

InvitationStatus = Literal["open", "accepted", "withdrawn", "expired"]


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation, without its token. ``user_id`` is who accepted it."""

    id: str
    organization_id: str
    email: str
    role: str
    created_at: int
    created_by: str
    expires_at: int
    accepted_at: int | None = None
    withdrawn_at: int | None = None
    user_id: str | None = None

    def status(self, now_us: int) -> InvitationStatus:
        """Return what it is now."""
        if self.accepted_at is not None:
            return "accepted"
        if self.withdrawn_at is not None:
            return "withdrawn"
        return "open" if now_us < self.expires_at else "expired"


class IssuedInvitation(msgspec.Struct, frozen=True):
    """An invitation just made, with the token that opens it."""

    invitation: Invitation
    token: str

    def __repr__(self) -> str:
        return f"IssuedInvitation({self.invitation.id}, …)"


def link(public_url: str, token: str) -> str:
    """Return what to send to whoever is invited. A fragment reaches no server's log, nor any proxy's on the way."""
    return f"{public_url.rstrip('/')}/invitations/accept#{token}"


def token_in(text: str) -> str:
    """Return the token of a link, or of a token by itself."""
    return text.strip().rpartition("#")[2]
