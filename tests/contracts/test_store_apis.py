"""Protected APIs as rows, on every engine."""

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection

from tests.contracts.things import new_api, store_api, store_organization
from wayvo.core.organizations import ApiScope, Organization
from wayvo.store import apis


@pytest.fixture
def organization(connection: Connection) -> Organization:
    return store_organization(connection)


def test_an_api_comes_back_as_it_was_stored(connection: Connection, organization: Organization) -> None:
    api = store_api(connection, organization, "https://orders.example", description="Bestellungen für alle")
    assert apis.get(connection, organization.id, api.id) == api
    assert apis.get_for_update(connection, organization.id, api.id) == api


def test_an_audience_belongs_to_one_api_of_the_installation(connection: Connection, organization: Organization) -> None:
    first = store_api(connection, organization, "https://orders.example")
    second = new_api(store_organization(connection, "Other"), "https://orders.example", name="Second")
    assert apis.insert(connection, second) is False
    assert apis.by_audience(connection, organization.id, ["https://orders.example"]) == {first.audience: first}
    assert apis.get(connection, second.organization_id, second.id) is None


def test_a_private_api_is_seen_by_its_organization_alone(connection: Connection, organization: Organization) -> None:
    private = store_api(connection, organization, "https://private.example")
    public = store_api(connection, organization, "https://public.example", visibility="installation")
    stranger = store_organization(connection, "Stranger")
    assert apis.get(connection, stranger.id, private.id) is None
    assert apis.get_for_update(connection, stranger.id, private.id) is None
    assert apis.get(connection, stranger.id, public.id) == public
    assert apis.by_audience(connection, stranger.id, [private.audience, public.audience]) == {public.audience: public}
    assert apis.page(connection, stranger.id, None, 10).rows == (public,)


def test_no_audience_finds_no_api(connection: Connection, organization: Organization) -> None:
    store_api(connection, organization, "https://orders.example")
    assert apis.by_audience(connection, organization.id, []) == {}


def test_an_update_changes_that_api_alone(connection: Connection, organization: Organization) -> None:
    api, other = (store_api(connection, organization, f"https://{name}.example") for name in "ab")
    changed = replace(api, name="Renamed", scopes=(ApiScope("a:b", "C"),), visibility="installation")
    apis.update(connection, changed)
    assert apis.get(connection, organization.id, api.id) == changed
    assert apis.get(connection, organization.id, other.id) == other


def test_pages_hold_every_api_once_the_newest_first(connection: Connection, organization: Organization) -> None:
    stored = [store_api(connection, organization, f"https://{number}.example") for number in range(5)]
    page = apis.page(connection, organization.id, None, 2)
    seen = list(page.rows)
    while page.next is not None:
        page = apis.page(connection, organization.id, page.next, 2)
        seen += page.rows
    assert seen == stored[::-1]


def test_a_built_in_api_learns_new_scopes_once(connection: Connection, organization: Organization) -> None:
    api = store_api(connection, organization, "urn:built-in", built_in=True)
    scopes = (ApiScope("new:read", "New."),)
    assert apis.set_built_in_scopes(connection, api.audience, scopes) == api.id
    assert apis.set_built_in_scopes(connection, api.audience, scopes) is None
    assert apis.get(connection, organization.id, api.id) == replace(api, scopes=scopes)


def test_the_scopes_of_an_organizations_own_api_are_left_alone(
    connection: Connection, organization: Organization
) -> None:
    api = store_api(connection, organization, "urn:own")
    assert apis.set_built_in_scopes(connection, api.audience, ()) is None
    assert apis.get(connection, organization.id, api.id) == api
