"""Is a chain of audit events what it was when it was written? If not: which event is the first that is not?"""

import hmac
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from wayvo.core.audit_chain import FIELDS, START, Checkpoint, Link, Record, Sealer, Sealers

_ID: Final = FIELDS.index("id")


class StoredLink(NamedTuple):
    """A chained event as it stands in the database, where anybody may have put anything."""

    record: Record
    sequence: Any
    mac: Any
    secret: Any

    @property
    def event_id(self) -> str:
        """The event's id, as it stands there."""
        return str(self.record[_ID])


class StoredChain(NamedTuple):
    """What is remembered of a chain: its last link, and the last that was pruned."""

    head: Link
    seal: bytes
    pruned: Link
    pruned_seal: bytes | None


@dataclass(frozen=True, slots=True)
class Fault:
    """The first place where a chain is not what it was; ``event_id`` is what stands there now, if anything does."""

    sequence: int
    event_id: str | None
    what: str


@dataclass(slots=True)
class Verification:
    """How far a chain was found whole, and the fault that it has. ``outdated`` checkpoints lie in what was pruned."""

    pruned: Link = START
    last: Link = START
    fault: Fault | None = None
    outdated: Sequence[Checkpoint] = ()

    @property
    def events(self) -> int:
        """How many events were found whole."""
        return self.last.sequence - self.pruned.sequence


def verify(
    organization_id: str,
    chain: StoredChain | None,
    links: Iterable[StoredLink],
    sealers: Sealers,
    checkpoints: Sequence[Checkpoint] = (),
) -> Verification:
    """Follow ``links``, which come in the order of their sequences, from what was pruned to the end.

    Nothing is kept of them. A link under a retired root secret is good until the first one under the present secret:
    who gets hold of an old secret can't go on with it.
    """
    found = Verification()
    if chain is not None and chain.pruned.sequence:
        if not sealers.has_sealed(chain.pruned_seal, "pruned", organization_id, chain.pruned):
            found.fault = Fault(1, None, "was removed: the trail was not pruned by Wayvo up to where it begins")
            return found
        found.pruned = found.last = chain.pruned
    wanted = {checkpoint.sequence: checkpoint for checkpoint in checkpoints}
    found.outdated = [checkpoint for checkpoint in checkpoints if checkpoint.sequence < found.pruned.sequence]
    found.fault = (
        _against(wanted, found.last)
        or _follow(found, chain, iter(links), sealers, wanted)
        or _at_the_end(organization_id, chain, found.last, sealers)
        or _behind(checkpoints, found.last)
    )
    return found


def _follow(
    found: Verification,
    chain: StoredChain | None,
    links: Iterator[StoredLink],
    sealers: Sealers,
    checkpoints: dict[int, Checkpoint],
) -> Fault | None:
    is_present = False
    for stored in links:
        place = found.last.sequence + 1
        if fault := _out_of_place(stored, place, chain):
            return fault
        sealer = sealers.named(stored.secret) if isinstance(stored.secret, str) else None
        if sealer is None:
            what = f"has a link under a root secret that is not at hand ({stored.secret})"
            return Fault(place, stored.event_id, what)
        if sealer is not sealers.present and is_present:
            return Fault(place, stored.event_id, "has a link under a root secret that was retired before it")
        is_present = is_present or sealer is sealers.present
        link = _made(sealer, found.last, stored)
        if link is None:
            return Fault(place, stored.event_id, "was edited, or stands where another one stood")
        if fault := _against(checkpoints, link):
            return Fault(place, stored.event_id, fault.what)
        found.last = link
    return None


def _out_of_place(stored: StoredLink, place: int, chain: StoredChain | None) -> Fault | None:
    if not isinstance(stored.sequence, int) or stored.sequence < place:
        return Fault(place, stored.event_id, "was inserted")
    if stored.sequence == place:
        return None
    if chain is not None and chain.head.sequence < place:
        return Fault(place, stored.event_id, "was inserted behind the end")
    return Fault(place, None, f"was removed: the next that is there is {stored.event_id}")


def _made(sealer: Sealer, previous: Link, stored: StoredLink) -> Link | None:
    """Return the link if it is the one that the sealer makes."""
    # SQLite keeps bytes in a column of text, and JSON would show them as another text.
    if not all(value is None or isinstance(value, str | int) for value in stored.record):
        return None
    link = sealer.link(previous, stored.record)
    return link if isinstance(stored.mac, bytes) and hmac.compare_digest(link.mac, stored.mac) else None


def _at_the_end(organization_id: str, chain: StoredChain | None, last: Link, sealers: Sealers) -> Fault | None:
    if chain is None:
        return Fault(last.sequence, None, "is the last, and the chain's end is not recorded") if last != START else None
    if chain.head.sequence > last.sequence:
        return Fault(last.sequence + 1, None, f"was cut off: the trail once came to {chain.head.sequence}")
    if chain.head.sequence < last.sequence:
        return Fault(last.sequence, None, f"is the last, but the recorded end is {chain.head.sequence}")
    if chain.head != last or not sealers.has_sealed(chain.seal, "head", organization_id, last):
        return Fault(last.sequence, None, "is the last, but not the end that Wayvo recorded")
    return None


def _against(checkpoints: dict[int, Checkpoint], link: Link) -> Fault | None:
    checkpoint = checkpoints.get(link.sequence)
    if checkpoint is None or hmac.compare_digest(checkpoint.link.mac, link.mac):
        return None
    return Fault(link.sequence, None, "is not the one that the checkpoint was made of")


def _behind(checkpoints: Sequence[Checkpoint], last: Link) -> Fault | None:
    for checkpoint in checkpoints:
        if checkpoint.sequence > last.sequence:
            return Fault(last.sequence + 1, None, f"was cut off: the checkpoint stands at {checkpoint.sequence}")
    return None
