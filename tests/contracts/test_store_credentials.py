"""What verification reads, on every engine."""

from typing import Any

import pytest
from sqlalchemy import Connection

from tests.contracts.things import DIGEST_SECRET, NOW, digest, new_key, store_api, store_organization, store_project
from wayvo.core.credentials.format import Mode
from wayvo.core.credentials.record import ApiRecord, CredentialRecord, Move
from wayvo.core.organizations import Organization
from wayvo.store import api_keys, credentials

ORDERS = "https://orders.example"


@pytest.fixture
def organization(connection: Connection) -> Organization:
    return store_organization(connection)


def store(connection: Connection, organization: Organization, number: int, **fields: Any) -> str:
    """Store a key under ``digest(number)`` in a project of its own; return its id."""
    archived_at = fields.pop("archived_at", None)
    secret = fields.pop("secret", DIGEST_SECRET)
    key = new_key(store_project(connection, organization, archived_at=archived_at), **fields)
    api_keys.insert(connection, key, digest(number), secret)
    return key.id


def test_a_credential_comes_with_everything_that_a_decision_needs(
    connection: Connection, organization: Organization
) -> None:
    api = store_api(connection, organization, ORDERS)
    key_id = store(
        connection,
        organization,
        1,
        mode=Mode.TEST,
        access={ORDERS: ("orders:read",), "urn:nowhere": ("*",)},
        allowed_networks=("10.0.0.0/8",),
        expires_at=NOW + 1,
        revoked_at=NOW + 2,
        archived_at=NOW + 3,
    )
    found = credentials.find(connection, [digest(1)])
    key = api_keys.get(connection, organization.id, key_id)
    assert key is not None
    assert found.credentials == (
        CredentialRecord(
            digest=digest(1),
            id=key_id,
            organization_id=organization.id,
            project_id=key.project_id,
            project_archived=True,
            mode=Mode.TEST,
            access={ORDERS: ("orders:read",), "urn:nowhere": ("*",)},
            allowed_networks=("10.0.0.0/8",),
            expires_at=NOW + 1,
            revoked_at=NOW + 2,
            organization_disabled=False,
            is_operators=False,
            user=None,
        ),
    )
    assert found.apis == {
        ORDERS: ApiRecord(
            audience=ORDERS,
            id=api.id,
            organization_id=organization.id,
            is_private=True,
            declared=frozenset({"orders:read", "orders:write"}),
            operations=api.operations,
        )
    }


def test_only_what_is_asked_for_is_found(connection: Connection, organization: Organization) -> None:
    for number in (1, 2, 3):
        store(connection, organization, number)
    found = credentials.find(connection, [digest(1), digest(3), digest(99)])
    assert {record.digest for record in found.credentials} == {digest(1), digest(3)}
    assert credentials.find(connection, [digest(99)]).credentials == ()


def test_as_many_as_a_batch_holds_are_found_at_once(connection: Connection, organization: Organization) -> None:
    for number in range(500):
        store(connection, organization, number)
    assert len(credentials.find(connection, [digest(number) for number in range(500)]).credentials) == 500


def test_another_organizations_private_api_is_told_as_what_it_is(
    connection: Connection, organization: Organization
) -> None:
    owner = store_organization(connection, "Owner")
    store_api(connection, owner, ORDERS)
    store(connection, organization, 1)
    api = credentials.find(connection, [digest(1)]).apis[ORDERS]
    assert (api.organization_id, api.is_private) == (owner.id, True)


def test_the_root_secrets_in_use_are_exactly_those_of_the_rows(
    connection: Connection, organization: Organization
) -> None:
    assert credentials.secrets_in_use(connection) == frozenset()
    for number, secret in enumerate(("aaaa", "bbbb", "aaaa", "cccc")):
        store(connection, organization, number, secret=secret)
    assert credentials.secrets_in_use(connection) == {"aaaa", "bbbb", "cccc"}


def test_a_digest_moves_to_another_root_secret_once(connection: Connection, organization: Organization) -> None:
    key_id = store(connection, organization, 1, secret="old")
    store(connection, organization, 2, secret="old")
    for _ in range(2):
        credentials.move_digest(connection, Move(digest(1), digest(11), digest(21)), "new")
    assert credentials.find(connection, [digest(1)]).credentials == ()
    assert [record.id for record in credentials.find(connection, [digest(11)]).credentials] == [key_id]
    assert credentials.secrets_in_use(connection) == {"old", "new"}


def test_an_imported_key_waits_until_it_moves_and_keeps_the_digest_of_its_import(
    connection: Connection, organization: Organization
) -> None:
    key = new_key(store_project(connection, organization))
    other = new_key(store_project(connection, organization))
    assert not credentials.are_imports_waiting(connection)
    assert api_keys.insert_imported(connection, [(key, digest(1))], "old", NOW) == {key.id}
    assert api_keys.insert_imported(connection, [(other, digest(1))], "old", NOW) == set()
    assert credentials.are_imports_waiting(connection)
    credentials.move_digest(connection, Move(digest(1), digest(11), digest(21)), "new")
    assert not credentials.are_imports_waiting(connection)
    assert api_keys.find_imported(connection, [digest(1), digest(21)]) == {digest(21): (key.id, organization.id)}
    assert api_keys.insert_imported(connection, [(other, digest(21))], "new", NOW) == set()


def test_a_digest_that_a_key_has_is_taken_from_it_by_no_move(
    connection: Connection, organization: Organization
) -> None:
    own = store(connection, organization, 11)
    twin = new_key(store_project(connection, organization))
    api_keys.insert_imported(connection, [(twin, digest(1))], DIGEST_SECRET, NOW)
    credentials.move_digest(connection, Move(digest(1), digest(11), digest(1)), DIGEST_SECRET)
    assert [record.id for record in credentials.find(connection, [digest(11)]).credentials] == [own]
    assert [record.id for record in credentials.find(connection, [digest(1)]).credentials] == [twin.id]
