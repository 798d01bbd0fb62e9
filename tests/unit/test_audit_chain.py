"""Chains of audit events, and what becomes visible when somebody changes what stands there."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from wayvo.core.actor import SystemActor
from wayvo.core.audit import AuditEvent, Happening
from wayvo.core.audit_chain import FIELDS, START, Checkpoint, Link, Record, Sealer, Sealers, record_of
from wayvo.core.audit_verification import StoredChain, StoredLink, Verification, verify
from wayvo.core.credentials.digest import RootSecret

OWNER = "org_one"
SEALER = Sealer(RootSecret(b"the present root secret of tests"))
RETIRED = Sealer(RootSecret(b"an earlier root secret, of tests"))
SEALERS = Sealers(SEALER, [RETIRED])
STRANGER = Sealer(RootSecret(b"what somebody without it might try"))


def event(number: int, **fields: Any) -> AuditEvent:
    made = Happening(f"evt_{number:04}", 1000 + number, SystemActor("cli", OWNER)).event(
        "a.b", "thing", f"thg_{number}"
    )
    return replace(made, **{"after": {"name": f"Thing {number}"}, **fields})


def stored(events: Sequence[AuditEvent], sealers: Sequence[Sealer] = ()) -> list[StoredLink]:
    """Return events as links, each under its sealer (the present one)."""
    last, made = START, []
    for number, happened in enumerate(events):
        sealer = sealers[number] if sealers else SEALER
        last = sealer.link(last, record_of(happened))
        made.append(StoredLink(record_of(happened), last.sequence, last.mac, sealer.fingerprint))
    return made


def chain(links: Sequence[StoredLink], pruned: Link = START) -> StoredChain:
    """Return what is remembered of a chain."""
    head = Link(links[-1].sequence, links[-1].mac) if links else pruned
    return StoredChain(
        head,
        SEALER.seal("head", OWNER, head),
        pruned,
        SEALER.seal("pruned", OWNER, pruned) if pruned != START else None,
    )


def judged(
    links: Sequence[StoredLink], remembered: StoredChain | None, checkpoints: Sequence[Checkpoint] = ()
) -> Verification:
    return verify(OWNER, remembered, links, SEALERS, checkpoints)


def checkpoint_at(link: StoredLink) -> Checkpoint:
    return SEALERS.checkpoint(OWNER, Link(link.sequence, link.mac), 5)


LINKS = stored([event(number) for number in range(8)])
CHAIN = chain(LINKS)
INDEX = st.integers(0, len(LINKS) - 1)
TEXT = st.one_of(st.none(), st.text(max_size=5), st.integers(-5, 5))


def test_what_nobody_touched_is_whole() -> None:
    found = judged(LINKS, CHAIN, [checkpoint_at(link) for link in LINKS])
    assert (found.fault, found.events, found.last) == (None, 8, CHAIN.head)
    assert judged([], None).fault is None


@given(INDEX, st.sampled_from(FIELDS), TEXT)
def test_an_edit_of_any_field_of_any_event_is_found_at_that_event(index: int, name: str, value: Any) -> None:
    edited = list(LINKS)
    place = FIELDS.index(name)
    record = list(LINKS[index].record)
    if record[place] == value and type(record[place]) is type(value):
        return
    record[place] = value
    edited[index] = LINKS[index]._replace(record=tuple(record))
    found = judged(edited, CHAIN)
    assert found.fault is not None
    assert (found.fault.sequence, found.fault.event_id) == (index + 1, edited[index].event_id)
    assert found.events == index


@given(INDEX, st.binary(max_size=40), st.sampled_from(["mac", "secret", "sequence"]))
def test_an_edit_of_a_link_is_found_at_its_event(index: int, value: bytes, name: str) -> None:
    edited = list(LINKS)
    changed: dict[str, Any] = {name: value.hex() if name == "secret" else value}
    edited[index] = LINKS[index]._replace(**changed)
    found = judged(edited, CHAIN)
    assert found.fault is not None
    assert found.fault.sequence == index + 1


@given(INDEX, st.booleans())
def test_a_removed_event_is_missed_whether_the_others_close_up_or_not(index: int, closes_up: bool) -> None:
    left = [*LINKS[:index], *LINKS[index + 1 :]]
    if closes_up:
        left = [link._replace(sequence=number) for number, link in enumerate(left, start=1)]
    found = judged(left, CHAIN)
    assert found.fault is not None
    assert found.fault.sequence == index + 1
    assert found.fault.what.startswith(("was removed", "was cut off", "was edited"))


@given(INDEX, INDEX)
def test_events_that_changed_places_are_found_at_the_first_of_them(one: int, other: int) -> None:
    if one == other:
        return
    swapped = list(LINKS)
    for here, there in ((one, other), (other, one)):
        swapped[here] = LINKS[there]._replace(sequence=here + 1)
    found = judged(swapped, CHAIN)
    assert found.fault is not None
    assert (found.fault.sequence, found.fault.event_id) == (min(one, other) + 1, LINKS[max(one, other)].event_id)


@given(st.integers(0, len(LINKS)), st.booleans(), st.sampled_from([STRANGER, RETIRED, SEALER]))
def test_an_inserted_event_is_found_whatever_link_it_has(index: int, makes_room: bool, claimed: Sealer) -> None:
    record = record_of(event(99))
    previous = START if index == 0 else Link(LINKS[index - 1].sequence, LINKS[index - 1].mac)
    mac = STRANGER.link(previous, record).mac
    fresh = StoredLink(record, index + 1, mac, claimed.fingerprint)
    rest = [link._replace(sequence=link.sequence + 1) if makes_room else link for link in LINKS[index:]]
    found = judged([*LINKS[:index], fresh, *rest], CHAIN)
    assert found.fault is not None
    assert (found.fault.sequence, found.fault.event_id) == (index + 1, "evt_0099")


def test_an_event_far_behind_the_end_is_named_and_none_is_missed() -> None:
    fresh = StoredLink(record_of(event(99)), 20, bytes(32), SEALER.fingerprint)
    found = judged([*LINKS, fresh], CHAIN)
    assert found.fault is not None
    assert (found.fault.event_id, found.fault.what) == ("evt_0099", "was inserted behind the end")


@given(INDEX)
def test_what_is_cut_off_is_missed_without_a_checkpoint_unless_the_end_was_moved_back(index: int) -> None:
    left = LINKS[:index]
    found = judged(left, CHAIN)
    assert found.fault is not None
    assert (found.fault.sequence, found.fault.what) == (index + 1, "was cut off: the trail once came to 8")
    # Nobody without the root secret can move it: the seal is another one's.
    head = Link(left[-1].sequence, left[-1].mac) if left else START
    moved = judged(left, CHAIN._replace(head=head))
    assert moved.fault is not None
    assert moved.fault.what == "is the last, but not the end that Wayvo recorded"


@given(INDEX)
def test_what_is_cut_off_behind_a_checkpoint_is_missed_even_with_an_end_of_that_time(index: int) -> None:
    left = LINKS[:index]
    replayed = chain(left)
    assert judged(left, replayed).fault is None, "an earlier state as a whole is good by itself"
    found = judged(left, replayed, [checkpoint_at(LINKS[-1])])
    assert found.fault is not None
    assert (found.fault.sequence, found.fault.what) == (index + 1, "was cut off: the checkpoint stands at 8")
    gone = judged([], None, [checkpoint_at(LINKS[-1])])
    assert gone.fault is not None
    assert gone.fault.sequence == 1


def test_a_trail_that_was_written_anew_is_not_the_one_of_the_checkpoint() -> None:
    other = stored([event(number, actor_id="somebody") for number in range(8)])
    found = judged(other, chain(other), [checkpoint_at(LINKS[4])])
    assert found.fault is not None
    assert (found.fault.sequence, found.fault.what) == (5, "is not the one that the checkpoint was made of")


@given(st.integers(1, len(LINKS)))
def test_a_pruned_trail_is_whole_from_where_it_begins(count: int) -> None:
    pruned = Link(LINKS[count - 1].sequence, LINKS[count - 1].mac)
    remembered = chain(LINKS, pruned)
    marks = [checkpoint_at(link) for link in LINKS]
    found = judged(LINKS[count:], remembered, marks)
    assert (found.fault, found.events, found.pruned) == (None, 8 - count, pruned)
    assert [made.sequence for made in found.outdated] == list(range(1, count))
    # What was pruned does not come back, and a trail is not shortened by saying that it was pruned.
    back = judged(LINKS[count - 1 :], remembered)
    assert back.fault is not None
    assert (back.fault.event_id, back.fault.what) == (LINKS[count - 1].event_id, "was inserted")
    forged = judged(LINKS[count:], CHAIN._replace(pruned=pruned))
    assert forged.fault is not None
    assert forged.fault.sequence == 1


def test_links_under_a_retired_secret_are_good_until_the_first_under_the_present_one() -> None:
    events = [event(number) for number in range(4)]
    moved = stored(events, [RETIRED, RETIRED, SEALER, SEALER])
    assert judged(moved, chain(moved)).fault is None
    back = stored(events, [RETIRED, SEALER, RETIRED, SEALER])
    found = judged(back, chain(back))
    assert found.fault is not None
    assert (found.fault.sequence, found.fault.event_id) == (3, "evt_0002")
    unknown = verify(OWNER, chain(moved), moved, Sealers(SEALER)).fault
    assert unknown is not None
    assert (unknown.sequence, RETIRED.fingerprint in unknown.what) == (1, True)


@given(st.lists(TEXT, min_size=2, max_size=4), st.lists(TEXT, min_size=2, max_size=4))
def test_no_two_records_have_one_link(one: list[Any], other: list[Any]) -> None:
    same = [(type(value), value) for value in one] == [(type(value), value) for value in other]
    assert (SEALER.link(START, tuple(one)) == SEALER.link(START, tuple(other))) == same


def test_bytes_in_the_place_of_the_text_that_json_shows_them_as_are_an_edit() -> None:
    text = stored([event(0, target_id="YWJj")])
    record: Record = tuple(b"abc" if value == "YWJj" else value for value in text[0].record)  # type: ignore[misc] # what SQLite would allow
    assert msgspec.json.encode(record) == msgspec.json.encode(text[0].record)
    found = judged([text[0]._replace(record=record)], chain(text))
    assert found.fault is not None
    assert found.fault.sequence == 1


@pytest.mark.parametrize("change", [{"sequence": 7}, {"at": 6}, {"organization_id": "org_two"}, {"mac": "00" * 32}])
def test_a_checkpoint_that_was_changed_or_made_up_is_none(change: dict[str, Any]) -> None:
    made = checkpoint_at(LINKS[-1])
    assert SEALERS.made(made)
    assert not SEALERS.made(replace(made, **change))
    assert not SEALERS.made(Sealers(STRANGER).checkpoint(OWNER, made.link, 5))
    assert not SEALERS.made(replace(made, seal="no number"))


def test_a_seal_for_one_purpose_or_organization_is_good_for_no_other() -> None:
    link = CHAIN.head
    seal = SEALER.seal("head", OWNER, link)
    assert SEALERS.has_sealed(seal, "head", OWNER, link)
    assert not SEALERS.has_sealed(seal, "pruned", OWNER, link)
    assert not SEALERS.has_sealed(seal, "head", "org_two", link)
    assert not SEALERS.has_sealed(None, "head", OWNER, link)
