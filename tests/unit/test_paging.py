"""Cursors can't be made, changed or carried to another question."""

import base64

from hypothesis import given
from hypothesis import strategies as st

from wayvo.core.paging import MAX_CURSOR_LENGTH, Cursors, Position

positions = st.builds(Position, st.none() | st.integers(-(2**63), 2**63 - 1), st.text(max_size=40))
questions = st.text(max_size=30)
cursors = Cursors(b"one key of thirty-two bytes or so")


@given(positions, questions)
def test_a_cursor_opens_to_its_position_for_its_own_question(position: Position, question: str) -> None:
    assert cursors.open(cursors.seal(position, question), question) == position


@given(positions, questions, questions)
def test_a_cursor_opens_for_no_other_question(position: Position, question: str, other: str) -> None:
    if question != other:
        assert cursors.open(cursors.seal(position, question), other) is None


@given(positions, questions)
def test_a_cursor_under_another_key_is_none(position: Position, question: str) -> None:
    assert cursors.open(Cursors(b"another key of thirty-two bytes").seal(position, question), question) is None


@given(positions, st.integers(0), st.integers(1, 255))
def test_a_changed_cursor_is_none(position: Position, at: int, flip: int) -> None:
    sealed = cursors.seal(position, "keys")
    raw = bytearray(base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4)))
    raw[at % len(raw)] ^= flip
    assert cursors.open(base64.urlsafe_b64encode(raw).rstrip(b"=").decode(), "keys") is None


@given(st.text(max_size=60))
def test_whatever_is_made_up_is_no_cursor(made_up: str) -> None:
    assert cursors.open(made_up, "keys") is None


def test_a_cursor_of_the_longest_id_fits_in_a_query() -> None:
    assert len(cursors.seal(Position(2**63 - 1, "key_" + "v" * 26), "x" * 5000)) <= MAX_CURSOR_LENGTH


def test_a_cursor_shows_no_question() -> None:
    assert "secret" not in base64.urlsafe_b64decode(cursors.seal(Position(1, "key_1"), "secret") + "==").decode(
        "latin-1"
    )
