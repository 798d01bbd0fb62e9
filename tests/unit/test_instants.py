"""Time: integer microseconds inside, RFC 3339 at the doors, and nothing lost between."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayvo.core.instants import format_instant, from_datetime, to_datetime

moments = st.datetimes(timezones=st.just(UTC))


@given(moments)
def test_a_moment_comes_back_to_the_microsecond(moment: datetime) -> None:
    assert to_datetime(from_datetime(moment)) == moment
    assert datetime.fromisoformat(format_instant(from_datetime(moment))) == moment


@given(moments)
def test_instants_are_written_in_utc_with_at_most_six_decimals(moment: datetime) -> None:
    written = format_instant(from_datetime(moment))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z", written)


@given(moments, moments)
def test_instants_are_ordered_as_their_moments(one: datetime, two: datetime) -> None:
    assert (from_datetime(one) < from_datetime(two)) == (one < two)


def test_the_same_moment_in_two_zones_is_one_instant() -> None:
    here = datetime(2026, 11, 24, 4, 30, tzinfo=UTC)
    there = here.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert from_datetime(here) == from_datetime(there)


@pytest.mark.parametrize(
    ("instant", "written"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.000001Z"),
        (1_794_000_000_500_000, "2026-11-06T21:20:00.500000Z"),
    ],
)
def test_an_instant_is_written_as_rfc_3339_has_it(instant: int, written: str) -> None:
    assert format_instant(instant) == written
