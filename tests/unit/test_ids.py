"""Identifiers sort by the time of their creation, and are UUIDs of version 7."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayvo.core.ids import IdKind, new_id

instants = st.integers(0, (1 << 48) * 1000 - 1)
entropies = st.binary(min_size=8, max_size=8)
DIGITS = "0123456789abcdefghijklmnopqrstuv"


def as_uuid(identifier: str) -> uuid.UUID:
    value = 0
    for digit in identifier.partition("_")[2]:
        value = value * 32 + DIGITS.index(digit)
    return uuid.UUID(int=value)


@pytest.mark.parametrize("kind", ["org", "usr", "prj", "key", "api"])
def test_an_id_says_what_it_names(kind: IdKind) -> None:
    identifier = new_id(kind, 1, bytes(8))
    assert identifier.startswith(f"{kind}_")
    assert len(identifier) == 30


@given(instants, entropies)
def test_an_id_is_a_uuid_of_version_7_that_tells_its_time(now_us: int, entropy: bytes) -> None:
    made = as_uuid(new_id("key", now_us, entropy))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == now_us // 1000


@given(instants, instants, entropies, entropies)
def test_ids_sort_by_the_microsecond_of_their_creation(one: int, two: int, first: bytes, second: bytes) -> None:
    # The fraction of the millisecond has 12 bits: enough for each microsecond to be before the next.
    earlier, later = sorted((one, two))
    if earlier < later:
        assert new_id("key", earlier, first) < new_id("key", later, second)


@given(entropies, entropies)
def test_ids_of_one_microsecond_differ_by_62_random_bits(first: bytes, second: bytes) -> None:
    same = int.from_bytes(first) & ((1 << 62) - 1) == int.from_bytes(second) & ((1 << 62) - 1)
    assert (new_id("key", 1, first) == new_id("key", 1, second)) == same
