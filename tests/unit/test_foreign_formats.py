"""The forms of keys made elsewhere: what matches them, and how much chance they hold."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayvo.core.credentials.foreign import ALPHABETS, MAX_FORMATS, KeyFormat, make_format, pattern_of
from wayvo.core.credentials.format import MAX_KEY_LENGTH
from wayvo.core.errors import InvalidField

VISIBLE = "".join(map(chr, range(0x21, 0x7F)))


@st.composite
def formats(draw: st.DrawFn) -> KeyFormat:
    prefix = draw(st.text(VISIBLE, max_size=4))
    alphabet = draw(st.sampled_from(sorted(ALPHABETS)) | st.text(VISIBLE, min_size=2, max_size=9))
    low = draw(st.integers(1, 6))
    made = make_format(prefix, alphabet, low, low + draw(st.integers(0, 4)))
    return made if isinstance(made, KeyFormat) else KeyFormat(prefix, "digits", low, low)


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[KeyFormat], bytes]:
    """Return formats, and a token that is a key of one of them, nearly one, or anything."""
    known = draw(st.lists(formats(), min_size=1, max_size=4))
    chosen = draw(st.sampled_from(known))
    body = st.text(chosen.characters, min_size=chosen.min_length, max_size=chosen.max_length)
    key = body.map(lambda text: (chosen.prefix + text).encode())
    spoilt = st.tuples(key, st.binary(min_size=1, max_size=2), st.integers(0, 12)).map(
        lambda parts: parts[0][: parts[2]] + parts[1] + parts[0][parts[2] :]
    )
    cut = st.tuples(key, st.integers(0, 12)).map(lambda parts: parts[0][: parts[1]])
    return known, draw(key | spoilt | cut | st.binary(max_size=12))


def is_key_of(known: KeyFormat, token: bytes) -> bool:
    """Say the same, slowly: a prefix, then one character after the other."""
    prefix = known.prefix.encode()
    if token[: len(prefix)] != prefix:
        return False
    rest = token[len(prefix) :]
    if len(rest) < known.min_length or len(rest) > known.max_length:
        return False
    return all(chr(byte) in known.characters for byte in rest)


@given(cases())
def test_what_matches_is_exactly_what_is_a_key_of_one_of_the_formats(case: tuple[list[KeyFormat], bytes]) -> None:
    known, token = case
    is_matched = pattern_of(tuple(known)).fullmatch(token) is not None
    assert is_matched == any(is_key_of(one, token) for one in known)


def test_as_many_formats_as_there_may_be_make_one_pattern() -> None:
    known = [make_format(f"p{number}_", "base62", 20, 40) for number in range(MAX_FORMATS)]
    pattern = pattern_of(tuple(one for one in known if isinstance(one, KeyFormat)))
    assert pattern.fullmatch(b"p99_" + b"a" * 40)
    assert not pattern.fullmatch(b"p99_" + b"a" * 41)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        (("sk live_", "base62", 24, 24), "format.prefix"),
        (("sk_\n", "base62", 24, 24), "format.prefix"),
        (("sk_", "", 24, 24), "format.alphabet"),
        (("sk_", "a", 24, 24), "format.alphabet"),
        (("sk_", "aaaa", 24, 24), "format.alphabet"),
        (("sk_", "ab c", 24, 24), "format.alphabet"),
        (("sk_", "äöü", 24, 24), "format.alphabet"),
        (("sk_", "base62", 0, 24), "format.min_length"),
        (("sk_", "base62", 24, 23), "format.max_length"),
        (("sk_", "base62", 24, MAX_KEY_LENGTH - 2), "format.max_length"),
    ],
)
def test_what_can_be_no_format_is_refused_by_its_field(fields: tuple[str, str, int, int], field: str) -> None:
    made = make_format(*fields)
    assert isinstance(made, InvalidField)
    assert made.errors[0].field == field


def test_the_same_alphabet_is_the_same_format_however_it_is_written() -> None:
    written = make_format("", string.ascii_letters + string.digits + "0", 32, 32)
    assert written == make_format("", "base62", 32, 32)
    assert make_format("", "cba", 60, 64) == make_format("", "abc", 60, 64)


@pytest.mark.parametrize(
    ("alphabet", "length", "is_weak", "warnings"),
    [
        ("base62", 10, True, 2),
        ("base62", 11, False, 2),
        ("base62", 17, False, 1),
        ("base62", 32, False, 0),
        ("hex", 15, True, 2),
        ("hex", 24, False, 2),
        ("hex", 32, False, 0),
        # Four hyphens of a UUID are no chance: 36 characters of hex would be 144 bits.
        ("uuid", 36, False, 0),
        ("ab", 60, True, 1),
    ],
)
def test_a_format_is_weak_below_64_bits_and_warned_about_below_100_or_when_it_looks_like_much_else(
    alphabet: str, length: int, is_weak: bool, warnings: int
) -> None:
    made = make_format("", alphabet, length, length)
    assert isinstance(made, KeyFormat)
    assert (made.is_weak, len(made.warnings())) == (is_weak, warnings)


def test_a_prefix_takes_the_warning_of_a_short_format_away_and_adds_no_chance() -> None:
    made = make_format("sk_live_", "base62", 17, 20)
    assert isinstance(made, KeyFormat)
    assert made.warnings() == ()
    short = make_format("sk_live_1234567890_", "base62", 10, 20)
    assert isinstance(short, KeyFormat)
    assert short.is_weak
