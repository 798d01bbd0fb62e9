"""Users as rows, on every engine."""

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from tests.contracts.things import NOW, fresh_id, store_organization, store_user
from wayvo.core.organizations import User
from wayvo.store import users
from wayvo.store.tables import users as table


def test_a_member_is_found_by_their_organization_alone(connection: Connection) -> None:
    organization, stranger = store_organization(connection), store_organization(connection, "Stranger")
    user = store_user(connection, organization, "ann@acme.example")
    assert users.get(connection, organization.id, user.id) == user
    assert users.get(connection, stranger.id, user.id) is None
    assert users.page(connection, stranger.id, None, 10).rows == ()


def test_an_address_belongs_to_one_user(connection: Connection) -> None:
    organization = store_organization(connection)
    store_user(connection, organization, "ann@acme.example")
    with pytest.raises(IntegrityError), connection.begin_nested():
        store_user(connection, organization, "ann@acme.example")


def test_a_passwords_hash_is_stored_and_shown_to_nobody(connection: Connection) -> None:
    organization = store_organization(connection)
    user = User(id=fresh_id("usr"), email="ann@acme.example", name="Ann", role="viewer", created_at=NOW)
    users.insert(connection, organization.id, user, "$argon2id$…")
    assert connection.execute(select(table.c.password_hash)).scalar_one() == "$argon2id$…"
    assert users.get(connection, organization.id, user.id) == user


def test_pages_hold_every_member_once_the_newest_first(connection: Connection) -> None:
    organization = store_organization(connection)
    stored = [store_user(connection, organization, f"user{number}@acme.example") for number in range(5)]
    page = users.page(connection, organization.id, None, 2)
    seen = list(page.rows)
    while page.next is not None:
        page = users.page(connection, organization.id, page.next, 2)
        seen += page.rows
    assert seen == stored[::-1]
