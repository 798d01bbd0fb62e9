"""An API key's life, as rules: what it is at which instant, and what a rotation makes of it."""

from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from wayvo.core.credentials.api_key import (
    MAX_LIFETIME_US,
    MAX_OVERLAP_SECONDS,
    ApiKey,
    Issued,
    Rotation,
    check_expiry,
    ended,
    rotate,
)
from wayvo.core.credentials.format import Mode
from wayvo.core.errors import AlreadyRotated, ApiKeyEnded, InvalidField
from wayvo.core.instants import SECOND_US

NOW: Final = 1_795_521_600_000_000
PLAIN: Final = ApiKey(
    id="key_0",
    organization_id="org_0",
    project_id="prj_0",
    name="n",
    description="",
    mode=Mode.LIVE,
    access={},
    allowed_networks=(),
    metadata={},
    prefix="wv_live",
    last_four="aB3x",
    created_at=NOW,
    created_by=None,
)
spans = st.integers(1, MAX_LIFETIME_US)
overlaps = st.integers(0, MAX_OVERLAP_SECONDS)
instants = st.integers(NOW, NOW + 2 * MAX_LIFETIME_US)


@st.composite
def keys(draw: st.DrawFn, /, **fields: Any) -> ApiKey:
    """Draw a key made at :data:`NOW`, in any state of its life."""
    expires_at = draw(st.none() | spans.map(lambda span: NOW + span))
    revoked_at = draw(st.none() | instants)
    successor_id = draw(st.sampled_from([None, "key_1"]))
    return replace(PLAIN, **{"expires_at": expires_at, "revoked_at": revoked_at, "successor_id": successor_id} | fields)


working = keys(revoked_at=None, successor_id=None)


@given(keys(), instants)
def test_a_key_is_revoked_for_good_else_expired_from_its_expiry_on_else_active(key: ApiKey, now: int) -> None:
    if key.revoked_at is not None:
        assert key.status(now) == "revoked"
    elif key.expires_at is not None and now >= key.expires_at:
        assert key.status(now) == "expired"
    else:
        assert key.status(now) == "active"


@given(spans)
def test_an_expiry_is_in_force_in_its_very_microsecond(span: int) -> None:
    key = replace(PLAIN, expires_at=NOW + span)
    assert (key.status(NOW + span - 1), key.status(NOW + span)) == ("active", "expired")


@given(keys(), instants, instants)
def test_what_has_ended_never_works_again(key: ApiKey, one: int, other: int) -> None:
    earlier, later = sorted((one, other))
    if key.status(earlier) != "active":
        assert key.status(later) == key.status(earlier)


@given(keys(), instants)
def test_only_a_working_key_can_be_touched(key: ApiKey, now: int) -> None:
    problem = ended(key, now)
    assert (problem is None) is (key.status(now) == "active")
    if problem is not None:
        assert key.status(now) in problem.detail


@given(st.integers(NOW - MAX_LIFETIME_US, NOW + 2 * MAX_LIFETIME_US))
def test_an_expiry_lies_in_the_next_ten_years(expires_at: int) -> None:
    problem = check_expiry(expires_at, NOW)
    assert (problem is None) is (NOW < expires_at <= NOW + MAX_LIFETIME_US)
    if problem is not None:
        assert [fault.field for fault in problem.errors] == ["expires_at"]


def test_the_bounds_of_an_expiry_are_exact_and_none_is_no_expiry() -> None:
    expiries = (NOW, NOW + 1, NOW + MAX_LIFETIME_US, NOW + MAX_LIFETIME_US + 1)
    assert [check_expiry(expiry, NOW) is None for expiry in expiries] == [False, True, True, False]
    assert check_expiry(None, NOW) is None


@given(working, instants, overlaps, st.none() | instants)
def test_a_rotation_never_lets_the_old_key_live_longer(
    key: ApiKey, now: int, overlap: int, expires_at: int | None
) -> None:
    rotation = rotate(key, now, overlap, expires_at)
    if not isinstance(rotation, Rotation):
        return
    assert now <= rotation.predecessor_expires_at <= now + overlap * SECOND_US
    if key.expires_at is not None:
        assert rotation.predecessor_expires_at <= key.expires_at
    assert rotation.predecessor_expires_at in {now + overlap * SECOND_US, key.expires_at}


@given(working, instants, overlaps)
def test_a_working_key_can_always_be_rotated_and_its_successor_works(key: ApiKey, now: int, overlap: int) -> None:
    rotation = rotate(key, now, overlap, None)
    if key.status(now) != "active":
        assert isinstance(rotation, ApiKeyEnded)
        return
    assert isinstance(rotation, Rotation)
    if key.expires_at is None:
        assert rotation.successor_expires_at is None
    else:
        # It lives as long as the old one was made to live.
        assert rotation.successor_expires_at == now + (key.expires_at - key.created_at)
        assert check_expiry(rotation.successor_expires_at, now) is None


@given(st.integers(MAX_LIFETIME_US + 1, 10 * MAX_LIFETIME_US))
def test_a_successor_lives_ten_years_at_most_however_long_its_predecessor_was_made_to(span: int) -> None:
    old = replace(PLAIN, created_at=NOW - span + 1, expires_at=NOW + 1)
    assert rotate(old, NOW, 0, None) == Rotation(NOW, NOW + MAX_LIFETIME_US)


@given(working, overlaps, st.integers(NOW - SECOND_US, NOW + 2 * MAX_LIFETIME_US))
def test_a_named_expiry_is_the_successors_if_it_may_be_one(key: ApiKey, overlap: int, expires_at: int) -> None:
    rotation = rotate(key, NOW, overlap, expires_at)
    if check_expiry(expires_at, NOW) is None:
        assert isinstance(rotation, Rotation)
        assert rotation.successor_expires_at == expires_at
    else:
        assert isinstance(rotation, InvalidField)


@given(keys(), instants, overlaps)
def test_a_key_is_rotated_once_and_only_while_it_works(key: ApiKey, now: int, overlap: int) -> None:
    rotation = rotate(key, now, overlap, None)
    if key.status(now) != "active":
        assert isinstance(rotation, ApiKeyEnded)
    elif key.successor_id is not None:
        assert isinstance(rotation, AlreadyRotated)
        assert key.successor_id in rotation.detail
    else:
        assert isinstance(rotation, Rotation)


def test_a_new_key_does_not_show_its_secret_by_accident() -> None:
    issued = Issued(PLAIN, "wv_live_secret")
    assert "secret" not in f"{issued} {issued!r} {(issued,)}"
