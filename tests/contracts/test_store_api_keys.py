"""API keys as rows, on every engine."""

import itertools
from dataclasses import dataclass
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import IntegrityError

from tests.contracts.things import (
    DIGEST_SECRET,
    NOW,
    SECOND,
    digest,
    new_key,
    store_key,
    store_organization,
    store_project,
)
from wayvo.core.credentials.api_key import ApiKey
from wayvo.core.credentials.format import Mode
from wayvo.core.organizations import Organization, Project
from wayvo.core.paging import Position
from wayvo.store import api_keys
from wayvo.store.api_keys import ApiKeyFilter
from wayvo.store.tables import api_key_words
from wayvo.store.tables import api_keys as table


@dataclass
class Here:
    """An organization with a project, and a way to list its keys."""

    connection: Connection
    organization: Organization
    project: Project

    def key(self, **fields: Any) -> ApiKey:
        return store_key(self.connection, self.project, **fields)

    def listed(self, now: int = NOW, limit: int = 100, **wanted: Any) -> list[str]:
        """Return the names that a filter finds, page by page."""
        names: list[str] = []
        after: Position | None = None
        for _ in range(100):
            page = api_keys.page(
                self.connection, self.organization.id, ApiKeyFilter(**wanted), now_us=now, after=after, limit=limit
            )
            assert len(page.rows) <= limit
            names += [key.name for key in page.rows]
            after = page.next
            if after is None:
                return names
        raise AssertionError("the pages have no end")

    def get(self, key: ApiKey) -> ApiKey:
        found = api_keys.get(self.connection, self.organization.id, key.id)
        assert found is not None
        return found

    def words(self, key: ApiKey) -> set[str]:
        statement = select(api_key_words.c.word).where(api_key_words.c.api_key_id == key.id)
        return set(self.connection.execute(statement).scalars())

    def marked_as_ended(self) -> int:
        statement = select(func.count()).select_from(table).where(table.c.ended_at.is_not(None))
        counted: int = self.connection.execute(statement).scalar_one()
        return counted


@pytest.fixture
def here(connection: Connection) -> Here:
    organization = store_organization(connection)
    return Here(connection, organization, store_project(connection, organization))


FULL = {
    "name": "Déploiement 部署",
    "description": "With every field",
    "mode": Mode.TEST,
    "access": {"https://a.example": ("a:read", "a:write"), "urn:wayvo:management": ("*",)},
    "allowed_networks": ("10.0.0.0/8", "2001:db8::/32"),
    "metadata": {"team": "payments", "ключ": "значение"},
    "created_by": "usr_1",
    "expires_at": NOW + 1,
    "revoked_at": NOW + 2,
    "revocation_reason": "Leaked",
    "last_used_at": NOW + 3,
    "last_used_network": "2001:db8::1",
    "predecessor_id": "key_0",
    "successor_id": "key_2",
}


@pytest.mark.parametrize("fields", [{}, FULL], ids=["least", "most"])
def test_a_key_comes_back_as_it_was_stored(here: Here, fields: dict[str, Any]) -> None:
    key = here.key(**fields)
    assert here.get(key) == key


def test_a_key_is_found_by_its_own_organization_only(here: Here) -> None:
    key = here.key()
    stranger = store_organization(here.connection, "Stranger")
    assert api_keys.get(here.connection, stranger.id, key.id) is None
    assert api_keys.get_for_update(here.connection, stranger.id, key.id) is None
    assert api_keys.get_for_update(here.connection, here.organization.id, key.id) == key


def test_two_keys_never_share_a_digest(here: Here) -> None:
    api_keys.insert(here.connection, new_key(here.project), digest(9), DIGEST_SECRET)
    with pytest.raises(IntegrityError), here.connection.begin_nested():
        api_keys.insert(here.connection, new_key(here.project), digest(9), DIGEST_SECRET)


def test_a_key_names_a_project_that_exists(here: Here) -> None:
    with pytest.raises(IntegrityError), here.connection.begin_nested():
        api_keys.insert(here.connection, new_key(replace(here.project, id="prj_nowhere")), digest(9), DIGEST_SECRET)


def test_an_update_changes_that_key_alone(here: Here) -> None:
    key, other = here.key(), here.key()
    changed = replace(key, name="Renamed", metadata={"a": "b"}, expires_at=NOW + 5)
    api_keys.update(here.connection, key, changed)
    assert (here.get(key), here.get(other)) == (changed, other)


def test_words_follow_a_renamed_key(here: Here) -> None:
    key = here.key(name="Alpha beta", last_four="zz99")
    api_keys.update(here.connection, key, replace(key, name="Gamma", description="beta"))
    assert here.words(key) == {"gamma", "beta", "zz99"}


def test_a_revocation_ends_a_key_for_the_index_too(here: Here) -> None:
    key = here.key()
    api_keys.update(here.connection, key, replace(key, revoked_at=NOW))
    assert here.marked_as_ended() == 1


def test_a_digest_is_found_by_the_keys_id(here: Here) -> None:
    key = new_key(here.project)
    api_keys.insert(here.connection, key, digest(77), DIGEST_SECRET)
    assert api_keys.digest_of(here.connection, key.id) == digest(77)


def test_an_organization_lists_its_own_keys_only(here: Here) -> None:
    stranger = store_organization(here.connection, "Stranger")
    store_key(here.connection, store_project(here.connection, stranger), name="secret")
    here.key(name="own")
    assert here.listed() == ["own"]
    for wanted in ({"text": "secret"}, {"status": "active"}, {"unused_since": NOW + 1}, {"mode": Mode.LIVE}):
        assert "secret" not in here.listed(**wanted)


def test_keys_are_listed_the_newest_first(here: Here) -> None:
    for name in "abc":
        here.key(name=name)
    assert here.listed() == ["c", "b", "a"]


def test_keys_are_filtered_by_project_and_by_mode(here: Here) -> None:
    other = store_project(here.connection, here.organization)
    here.key(name="here")
    here.key(name="test", mode=Mode.TEST)
    store_key(here.connection, other, name="there")
    assert here.listed(project_id=other.id) == ["there"]
    assert here.listed(mode=Mode.TEST) == ["test"]
    assert here.listed(mode=Mode.LIVE, project_id=here.project.id) == ["here"]
    assert here.listed(project_id="prj_nowhere") == []


def test_keys_are_filtered_by_the_user_whom_they_are_bound_to(here: Here) -> None:
    for name, user_id in (("first", "usr_1"), ("unbound", None), ("other", "usr_2"), ("second", "usr_1")):
        here.key(name=name, user_id=user_id)
    assert here.listed(user_id="usr_1") == ["second", "first"]
    assert here.listed(user_id="usr_1", mode=Mode.TEST) == []
    assert here.listed(user_id="usr_3") == []


def test_only_the_keys_of_projects_that_may_be_seen_are_listed(here: Here) -> None:
    projects = [store_project(here.connection, here.organization) for _ in range(3)]
    for name, project in zip("abc", projects, strict=True):
        store_key(here.connection, project, name=name)
    first, second, _ = (project.id for project in projects)
    assert here.listed(seen_in=(first,)) == ["a"]
    assert here.listed(seen_in=(first, second)) == ["b", "a"]
    assert here.listed(seen_in=()) == []
    assert here.listed(seen_in=(first,), project_id=second) == []


def test_a_status_is_what_the_key_is_at_that_moment(here: Here) -> None:
    here.key(name="forever")
    here.key(name="expires now", expires_at=NOW)
    here.key(name="expires next", expires_at=NOW + 1)
    revoked = here.key(name="revoked", expires_at=NOW - 5)
    api_keys.update(here.connection, revoked, replace(revoked, revoked_at=NOW - 9))
    assert here.listed(status="active") == ["expires next", "forever"]
    assert here.listed(status="expired") == ["expires now"]
    assert here.listed(status="revoked") == ["revoked"]
    assert here.listed(status="active", now=NOW + 1) == ["forever"]
    # What the sweeper has marked is listed just the same.
    api_keys.mark_expired(here.connection, NOW, 10)
    assert here.listed(status="active") == ["expires next", "forever"]
    assert here.listed(status="expired") == ["expires now"]
    assert here.listed() == ["revoked", "expires next", "expires now", "forever"]


def test_expired_keys_are_listed_the_last_expired_first(here: Here) -> None:
    for name, ago in (("b", 2), ("c", 1), ("a", 3)):
        here.key(name=name, expires_at=NOW - ago)
    assert here.listed(status="expired") == ["c", "b", "a"]


def test_expiring_before_finds_working_keys_the_next_to_expire_first(here: Here) -> None:
    for name, offset in (("third", 30), ("first", 10), ("second", 20), ("past", -1), ("boundary", 40)):
        here.key(name=name, expires_at=NOW + offset)
    here.key(name="never")
    revoked = here.key(name="revoked", expires_at=NOW + 15)
    api_keys.update(here.connection, revoked, replace(revoked, revoked_at=NOW))
    assert here.listed(expiring_before=NOW + 40) == ["first", "second", "third"]
    assert here.listed(expiring_before=NOW + 40, status="expired") == ["past"]


def test_unused_since_finds_working_keys_the_longest_unused_first(here: Here) -> None:
    here.key(name="never used", created_at=NOW - 100)
    used = here.key(name="used", created_at=NOW - 200)
    here.key(name="expired", created_at=NOW - 300, expires_at=NOW - 1)
    revoked = here.key(name="revoked", created_at=NOW - 300)
    api_keys.update(here.connection, revoked, replace(revoked, revoked_at=NOW))
    api_keys.record_uses(here.connection, [(used.id, NOW - 50, None)])
    assert here.listed(unused_since=NOW) == ["never used", "used"]
    assert here.listed(unused_since=NOW - 50) == ["never used"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("dep", True),
        ("DEPLOY", True),
        ("ploy", False),
        ("eu deploy", True),
        ("deploy us", False),
        ("straße", True),
        ("STRASSE", True),
        ("nightly", True),
        ("zz9", True),
        ("%", True),  # no word: no condition
        ("dep%", True),
        ("d_p", False),
    ],
)
def test_text_finds_keys_by_the_beginnings_of_their_words(here: Here, text: str, *, found: bool) -> None:
    here.key(name="Deploy EU Straße", description="nightly", last_four="zz99")
    assert here.listed(text=text) == (["Deploy EU Straße"] if found else [])


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"mode": Mode.LIVE},
        {"status": "active"},
        {"status": "expired"},
        {"status": "revoked"},
        {"text": "row"},
        {"expiring_before": NOW + 100},
        {"unused_since": NOW + 100},
    ],
    ids=repr,
)
def test_pages_of_any_filter_hold_every_row_once_in_one_order(here: Here, wanted: dict[str, Any]) -> None:
    for number in range(24):
        # Many share a sort value: the id decides between them.
        offset = {0: 5, 1: -5}.get(number % 3)
        key = here.key(name=f"row {number}", expires_at=None if offset is None else NOW + offset + number // 6)
        if number % 8 == 7:
            api_keys.update(here.connection, key, replace(key, revoked_at=NOW))
    whole = here.listed(**wanted)
    assert len(whole) == len(set(whole)) >= 3
    for limit in (1, 2, 7):
        assert here.listed(limit=limit, **wanted) == whole


def test_a_page_that_is_just_full_is_the_last(here: Here) -> None:
    here.key()
    here.key()
    page = api_keys.page(here.connection, here.organization.id, ApiKeyFilter(), now_us=NOW, after=None, limit=2)
    assert (len(page.rows), page.next) == (2, None)


def test_a_later_use_replaces_an_earlier_one_and_never_the_other_way_round(here: Here) -> None:
    key = here.key()
    uses = [(NOW + 10, "10.0.0.1"), (NOW + 30, "10.0.0.3"), (NOW + 20, "10.0.0.2"), (NOW + 30, None)]
    for at, network in uses:
        api_keys.record_uses(here.connection, [(key.id, at, network)])
    assert here.get(key) == replace(key, last_used_at=NOW + 30, last_used_network="10.0.0.3")


def test_a_use_of_a_key_that_is_gone_is_no_error(here: Here) -> None:
    api_keys.record_uses(here.connection, [("key_nowhere", NOW, None)])
    api_keys.record_uses(here.connection, [])


def test_expired_keys_are_marked_in_batches_the_first_to_expire_first(here: Here) -> None:
    for ago in (3, 2, 1, 0):
        here.key(expires_at=NOW - ago * SECOND)
    here.key(expires_at=NOW + 1)
    here.key()
    assert [api_keys.mark_expired(here.connection, NOW, 3) for _ in range(3)] == [3, 1, 0]
    ended = here.connection.execute(select(table.c.ended_at, table.c.expires_at).where(table.c.ended_at.is_not(None)))
    assert all(row.ended_at == row.expires_at <= NOW for row in ended)


def test_any_two_filters_together_find_what_both_find(here: Here) -> None:
    other = store_project(here.connection, here.organization)
    for number, (project, mode, expires_at) in enumerate(
        itertools.product((here.project, other), Mode, (None, NOW - 1, NOW + 50))
    ):
        store_key(here.connection, project, name=f"row {number} n{number % 2}", mode=mode, expires_at=expires_at)
    filters: list[dict[str, Any]] = [
        {"project_id": other.id},
        {"mode": Mode.TEST},
        {"status": "active"},
        {"text": "n1"},
        {"expiring_before": NOW + 60},
        {"unused_since": NOW + 1},
    ]
    for one, two in itertools.combinations(filters, 2):
        assert set(here.listed(**one, **two)) == set(here.listed(**one)) & set(here.listed(**two)), (one, two)
