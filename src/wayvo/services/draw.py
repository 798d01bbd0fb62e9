"""What a job must not draw for itself, drawn before it: the time, ids, secrets."""

from collections.abc import Callable
from dataclasses import dataclass

from wayvo.core.actor import Actor
from wayvo.core.audit import Happening
from wayvo.core.credentials import format as credential_format
from wayvo.core.credentials.format import Mode
from wayvo.core.ids import ENTROPY_BYTES, IdKind, new_id
from wayvo.core.instants import Clock

Entropy = Callable[[int], bytes]
"""Gives that many random bytes, fit for secrets."""


@dataclass(frozen=True, slots=True)
class Draw:
    """The injected sources, and the brand of the keys to make."""

    clock: Clock
    entropy: Entropy
    brand: str

    def new_id(self, kind: IdKind, now_us: int) -> str:
        """Return a fresh id."""
        return new_id(kind, now_us, self.entropy(ENTROPY_BYTES))

    def happening(self, actor: Actor, now_us: int) -> Happening:
        """Return what is known of an audit event before the job that causes it."""
        return Happening(self.new_id("evt", now_us), now_us, actor)

    def new_secret(self, mode: Mode) -> str:
        """Return a fresh API key."""
        return credential_format.mint(self.brand, mode, self.entropy(credential_format.ENTROPY_BYTES))

    def new_invitation_token(self) -> str:
        """Return a fresh token for an invitation."""
        prefix = credential_format.invitation_prefix(self.brand)
        return credential_format.mint_token(prefix, self.entropy(credential_format.ENTROPY_BYTES))
