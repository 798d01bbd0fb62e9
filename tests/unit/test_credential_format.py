"""The form of an API key: told from everything else offline, and the same for ever."""

import string
import zlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wayvo.core.credentials.format import (
    MAX_KEY_LENGTH,
    Mode,
    is_well_formed,
    key_prefix,
    last_four,
    mint,
    prefixes_of,
)

DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase

brands = st.from_regex(r"[a-z][a-z0-9]{1,11}", fullmatch=True)
modes = st.sampled_from(list(Mode))
entropies = st.binary(min_size=32, max_size=32)
keys = st.builds(mint, st.just("wv"), modes, entropies)


def checksum(head: str) -> str:
    """Return what the documentation says: CRC-32 in base 62, six digits, the most significant first."""
    value, digits = zlib.crc32(head.encode()), ""
    for _ in range(6):
        value, digit = divmod(value, 62)
        digits = DIGITS[digit] + digits
    return digits


@given(brands, modes, entropies)
def test_a_minted_key_has_the_documented_form(brand: str, mode: Mode, entropy: bytes) -> None:
    key = mint(brand, mode, entropy)
    head, secret = key[:-6], key[:-6].removeprefix(f"{brand}_{mode}_")
    assert len(secret) == 32
    assert set(secret) <= set(DIGITS)
    assert key == head + checksum(head)
    assert key.startswith(key_prefix(brand, mode) + "_")
    assert len(key) <= MAX_KEY_LENGTH


@given(brands, modes, entropies)
def test_a_minted_key_is_well_formed_for_its_brand(brand: str, mode: Mode, entropy: bytes) -> None:
    assert is_well_formed(mint(brand, mode, entropy).encode(), prefixes_of(brand))


@given(brands, modes, entropies)
def test_a_key_of_another_brand_is_not_well_formed(brand: str, mode: Mode, entropy: bytes) -> None:
    assume(brand != "wv")
    assert not is_well_formed(mint(brand, mode, entropy).encode(), prefixes_of("wv"))


@given(keys, st.integers(0, 45), st.binary(min_size=1, max_size=1))
def test_no_change_of_one_character_goes_unnoticed(key: str, at: int, other: bytes) -> None:
    presented = key.encode()
    changed = presented[:at] + other + presented[at + 1 :]
    assume(changed != presented)
    assert not is_well_formed(changed, prefixes_of("wv"))


@given(keys, st.integers(8, 44))
def test_no_transposition_of_two_neighbours_goes_unnoticed(key: str, at: int) -> None:
    changed = key[:at] + key[at + 1] + key[at] + key[at + 2 :]
    assume(changed != key)
    assert not is_well_formed(changed.encode(), prefixes_of("wv"))


@given(keys, st.integers(1, 45), st.text(min_size=1, max_size=5))
def test_neither_a_part_of_a_key_nor_more_than_one_is_well_formed(key: str, cut: int, more: str) -> None:
    for changed in (key[:cut], key[cut:], key + more, more + key, key + key):
        assert not is_well_formed(changed.encode(), prefixes_of("wv"))


@given(st.binary(max_size=100))
def test_whatever_bytes_come_they_are_judged_without_an_exception(presented: bytes) -> None:
    assert not is_well_formed(presented, prefixes_of("wv"))


@given(st.lists(st.sampled_from(("_", "-", "é", "\0", " ", "+")), min_size=32, max_size=32))
def test_no_sign_beside_letters_and_digits_is_well_formed_even_with_a_right_checksum(signs: list[str]) -> None:
    head = "wv_live_" + "".join(signs)
    assert not is_well_formed((head + checksum(head)).encode(), prefixes_of("wv"))


@given(entropies, entropies)
def test_different_randomness_gives_different_keys(first: bytes, second: bytes) -> None:
    # All that is kept of 256 bits is their remainder: two that differ by a multiple of it would be the same.
    assume(int.from_bytes(first) % 62**32 != int.from_bytes(second) % 62**32)
    assert mint("wv", Mode.LIVE, first) != mint("wv", Mode.LIVE, second)


def test_the_whole_range_of_secrets_is_used() -> None:
    assert mint("wv", Mode.LIVE, bytes(32))[8:40] == "0" * 32
    assert set(mint("wv", Mode.LIVE, (62**32 - 1).to_bytes(32))[8:40]) == {"z"}


@pytest.mark.parametrize(
    ("entropy", "key"),
    [
        (bytes(32), "wv_live_00000000000000000000000000000000" + checksum("wv_live_" + "0" * 32)),
        ((62).to_bytes(32), "wv_live_01000000000000000000000000000000" + checksum("wv_live_01" + "0" * 30)),
    ],
)
def test_keys_of_this_form_are_minted_for_ever(entropy: bytes, key: str) -> None:
    assert mint("wv", Mode.LIVE, entropy) == key


def test_the_last_four_characters_tell_nothing_of_the_secret() -> None:
    key = mint("wv", Mode.LIVE, bytes(range(32)))
    assert last_four(key) == checksum(key[:-6])[-4:]
