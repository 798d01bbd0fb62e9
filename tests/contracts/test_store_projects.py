"""Projects as rows, on every engine."""

from msgspec.structs import replace
from sqlalchemy import Connection

from tests.contracts.things import NOW, store_organization, store_project
from wayvo.store import projects


def test_a_project_comes_back_as_it_was_stored_to_its_organization_alone(connection: Connection) -> None:
    organization, stranger = store_organization(connection), store_organization(connection, "Stranger")
    project = store_project(connection, organization, name="Zahlungen", description="ü", archived_at=NOW)
    assert projects.get(connection, organization.id, project.id) == project
    assert projects.get_for_update(connection, organization.id, project.id) == project
    assert projects.get(connection, stranger.id, project.id) is None
    assert projects.get_for_update(connection, stranger.id, project.id) is None
    assert projects.page(connection, stranger.id, None, 10).rows == ()


def test_an_update_changes_that_project_alone(connection: Connection) -> None:
    organization = store_organization(connection)
    project, other = (store_project(connection, organization) for _ in range(2))
    changed = replace(project, name="Renamed", archived_at=NOW + 1)
    projects.update(connection, changed)
    assert projects.get(connection, organization.id, project.id) == changed
    assert projects.get(connection, organization.id, other.id) == other


def test_pages_hold_every_project_once_the_newest_first(connection: Connection) -> None:
    organization = store_organization(connection)
    stored = [store_project(connection, organization) for _ in range(5)]
    page = projects.page(connection, organization.id, None, 2)
    seen = list(page.rows)
    while page.next is not None:
        page = projects.page(connection, organization.id, page.next, 2)
        seen += page.rows
    assert seen == stored[::-1]
