"""What denies a hundred thousand keys costs what denying one costs: counted in SQLite's own steps, not in seconds."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection, Engine

from tests.contracts.things import NOW, store_key, store_organization, store_project
from wayvo.core.organizations import Organization, Project
from wayvo.store import organizations, projects

EACH = 10
"""Steps from one count to the next."""

Deny = Callable[[Connection, Organization, Project], None]


def archive(connection: Connection, _: Organization, project: Project) -> None:
    """Store that a project is archived."""
    projects.update(connection, replace(project, archived_at=NOW + 1))


def disable(connection: Connection, organization: Organization, _: Project) -> None:
    """Store that an organization is disabled."""
    organizations.update(connection, replace(organization, disabled_at=NOW + 1))


@pytest.mark.parametrize("deny", [archive, disable])
def test_it_takes_no_more_steps_with_a_thousand_keys_than_with_one(sqlite_store: Engine, deny: Deny) -> None:
    with sqlite_store.connect() as connection, connection.begin() as transaction:
        few, many = _counted(connection, deny, 1), _counted(connection, deny, 1000)
        transaction.rollback()
    # The count begins anywhere within its first ten steps.
    assert 0 < many <= few + 1


def _counted(connection: Connection, deny: Deny, keys: int) -> int:
    organization = store_organization(connection)
    project = store_project(connection, organization)
    for _ in range(keys):
        store_key(connection, project)
    raw: Any = connection.connection.driver_connection
    counts: list[None] = []
    # What the handler returns goes on with the statement.
    raw.set_progress_handler(lambda: counts.append(None), EACH)
    try:
        deny(connection, organization, project)
    finally:
        raw.set_progress_handler(None, 0)
    return len(counts)
