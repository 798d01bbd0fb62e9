"""Chains of audit events: each link is a MAC over the link before it, so that nothing can be changed unseen.

The key is not in the database: who can write there can break a chain, but not mend it. One chain per organization.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from wayvo.core.audit import AuditEvent
from wayvo.core.credentials.digest import RootSecret

MAC_BYTES: Final = 32

Record = tuple[str | int | None, ...]
"""An event as it is stored: the values of :data:`FIELDS`, ``before`` and ``after`` as the text that stands there."""

FIELDS: Final = AuditEvent.__struct_fields__


class Link(NamedTuple):
    """A place in a chain, and the MAC over all that stands up to it."""

    sequence: int
    mac: bytes


START: Final = Link(0, bytes(MAC_BYTES))
"""Before the first event."""


def record_of(event: AuditEvent) -> Record:
    """Return an event as it is stored."""
    *fields, before, after = (getattr(event, name) for name in FIELDS)
    return (*fields, _text(before), _text(after))


class Sealer:
    """Makes links, and seals of links, under one root secret.

    A link is keyed BLAKE2b-256 (RFC 7693 §2.9) over the link before it, of a fixed length, and a JSON array of the
    sequence and every field. JSON keeps the fields apart, whatever stands in them.
    """

    __slots__ = ("_links", "_seals", "fingerprint")

    def __init__(self, root: RootSecret) -> None:
        key = root.subkey("audit")
        self._links = hashlib.blake2b(key=key, digest_size=MAC_BYTES, person=b"wayvo link 1")
        self._seals = hashlib.blake2b(key=key, digest_size=MAC_BYTES, person=b"wayvo seal 1")
        self.fingerprint = root.fingerprint

    def link(self, previous: Link, record: Record) -> Link:
        """Return the link that ``record`` makes after ``previous``."""
        sequence = previous.sequence + 1
        state = self._links.copy()
        state.update(previous.mac)
        state.update(msgspec.json.encode((sequence, *record)))
        return Link(sequence, state.digest())

    def seal(self, purpose: str, organization_id: str, link: Link, at: int = 0) -> bytes:
        """Return what shows that Wayvo itself once said ``link`` to be the ``purpose`` of a chain, such as its head."""
        state = self._seals.copy()
        state.update(msgspec.json.encode((purpose, organization_id, link.sequence, link.mac.hex(), at)))
        return state.digest()


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True, tag="checkpoint", tag_field="type"):
    """How far a chain had come at a moment, to be kept away from the database: what was cut off later is missed."""

    organization_id: str
    sequence: int
    mac: str
    at: int
    secret: str
    seal: str

    @property
    def link(self) -> Link:
        """The link; ``ValueError`` if the MAC is no hexadecimal number."""
        return Link(self.sequence, bytes.fromhex(self.mac))


class Sealers:
    """Every sealer whose root secret is at hand: the present one, and those that are retired."""

    def __init__(self, present: Sealer, retired: Sequence[Sealer] = ()) -> None:
        self.present = present
        self._known: Mapping[str, Sealer] = {sealer.fingerprint: sealer for sealer in (*retired, present)}

    def named(self, fingerprint: str | None) -> Sealer | None:
        """Return the sealer of a root secret, ``None`` if it is not at hand."""
        return self._known.get(fingerprint or "")

    def has_sealed(self, seal: bytes | None, purpose: str, organization_id: str, link: Link, at: int = 0) -> bool:
        """Say whether one of them made ``seal``."""
        return seal is not None and any(
            hmac.compare_digest(seal, sealer.seal(purpose, organization_id, link, at))
            for sealer in self._known.values()
        )

    def checkpoint(self, organization_id: str, link: Link, at: int) -> Checkpoint:
        """Return a checkpoint that nobody without the root secret could have made."""
        return Checkpoint(
            organization_id=organization_id,
            sequence=link.sequence,
            mac=link.mac.hex(),
            at=at,
            secret=self.present.fingerprint,
            seal=self.present.seal("checkpoint", organization_id, link, at).hex(),
        )

    def made(self, checkpoint: Checkpoint) -> bool:
        """Say whether ``checkpoint`` is one of ours, as it was made."""
        try:
            seal, link = bytes.fromhex(checkpoint.seal), checkpoint.link
        except ValueError:
            return False
        return self.has_sealed(seal, "checkpoint", checkpoint.organization_id, link, checkpoint.at)


def _text(state: Mapping[str, object] | None) -> str | None:
    return None if state is None else msgspec.json.encode(state).decode()
