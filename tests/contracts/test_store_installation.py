"""Facts of the installation, on every engine."""

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from tests.contracts.things import NOW, store_organization
from wayvo.store import installation, organizations
from wayvo.store.tables import installation as table


def test_the_root_secret_in_use_is_recorded_and_replaced(connection: Connection) -> None:
    assert installation.secret_fingerprint(connection) is None
    installation.set_secret_fingerprint(connection, "one", NOW)
    installation.set_secret_fingerprint(connection, "two", NOW + 1)
    assert installation.secret_fingerprint(connection) == "two"


def test_an_installation_is_one_row(connection: Connection) -> None:
    with pytest.raises(IntegrityError), connection.begin_nested():
        connection.execute(table.insert(), {"id": 2, "secret_fingerprint": "x", "created_at": NOW})


def test_every_brand_that_keys_were_ever_made_under_is_remembered(connection: Connection) -> None:
    assert installation.register_brand(connection, "wv", NOW) == ("wv",)
    assert set(installation.register_brand(connection, "acme", NOW)) == {"wv", "acme"}
    assert set(installation.register_brand(connection, "wv", NOW + 1)) == {"wv", "acme"}


def test_an_installation_is_empty_until_there_is_an_organization(connection: Connection) -> None:
    assert organizations.is_empty(connection)
    organization = store_organization(connection)
    assert not organizations.is_empty(connection)
    assert organizations.get(connection, organization.id) == organization
    assert organizations.get(connection, "org_nowhere") is None
