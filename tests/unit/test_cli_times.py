"""Times as people write and read them on the command line."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from wayvo.cli.times import duration, exact, instant, relative

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("distance", "said"),
    [
        (timedelta(0), "just now"),
        (timedelta(seconds=-59), "just now"),
        (timedelta(seconds=59.9), "in less than a minute"),
        (timedelta(minutes=-1), "1 minute ago"),
        (timedelta(minutes=59, seconds=29), "in 59 minutes"),
        (timedelta(minutes=59, seconds=59), "in 1 hour"),
        (timedelta(days=29, hours=23, minutes=59, seconds=59), "in 30 days"),
        (timedelta(hours=1), "in 1 hour"),
        (timedelta(hours=-47), "47 hours ago"),
        (timedelta(days=2), "in 2 days"),
        (timedelta(days=-59), "59 days ago"),
        (timedelta(days=60), "in 2 months"),
        (timedelta(days=729), "in 24 months"),
        (timedelta(days=-730), "2 years ago"),
    ],
)
def test_a_distance_is_told_in_its_largest_unit(distance: timedelta, said: str) -> None:
    assert relative(NOW + distance, NOW) == said


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_any_two_times_have_a_distance_and_the_future_is_never_told_as_past(
    moment: datetime, present: datetime
) -> None:
    said = relative(moment, present)
    if moment - present >= timedelta(seconds=1):
        assert said.startswith("in ")
    else:
        assert said == "just now" or said.endswith(" ago")


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("0", timedelta(0)),
        ("90s", timedelta(seconds=90)),
        ("45m", timedelta(minutes=45)),
        ("12h", timedelta(hours=12)),
        ("30d", timedelta(days=30)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_a_duration_has_a_number_and_a_unit(text: str, length: timedelta) -> None:
    assert duration(text) == length


@given(st.text(max_size=12))
def test_any_text_is_a_duration_or_a_usage_error(text: str) -> None:
    with suppress(typer.BadParameter):
        assert duration(text) >= timedelta(0)


@given(st.text(max_size=30))
def test_any_text_is_a_time_or_a_usage_error(text: str) -> None:
    with suppress(typer.BadParameter):
        assert instant(text).tzinfo is UTC


def test_a_time_without_an_offset_is_refused_as_it_means_something_else_on_every_machine() -> None:
    with pytest.raises(typer.BadParameter):
        instant("2027-01-31T12:00:00")


def test_an_exact_time_is_told_in_utc() -> None:
    assert exact(instant("2027-01-31T13:00:00+01:00")) == "2027-01-31 12:00:00 UTC"
