"""What verification reads of the user that a key is bound to, and of its organization, on every engine."""

from typing import Any, Final

import pytest
from sqlalchemy import Connection, event

from tests.contracts.things import (
    NOW,
    SECOND,
    digest,
    fresh_id,
    new_key,
    store_api,
    store_organization,
    store_project,
    store_user,
)
from tests.harness.membership import put_member, put_project_role, put_role
from wayvo.core.access.permissions import OWN_AUDIENCE
from wayvo.core.access.roles import BUILT_IN
from wayvo.core.access.standing import Standing
from wayvo.core.credentials.record import CredentialRecord, UserRecord
from wayvo.core.organizations import Organization, Project
from wayvo.store import api_keys, credentials, held_roles
from wayvo.store.tables import api_keys as keys_table
from wayvo.store.tables import members, organizations

READS: Final = {OWN_AUDIENCE: ("users:read",)}


@pytest.fixture
def project(connection: Connection) -> Project:
    return store_project(connection, store_organization(connection))


def store(connection: Connection, project: Project, number: int, user_id: str | None, **fields: Any) -> None:
    key = new_key(project, **fields)
    api_keys.insert(connection, key, digest(number), "fingerprint-one!")
    connection.execute(keys_table.update().where(keys_table.c.id == key.id).values(user_id=user_id))


def read(connection: Connection, number: int) -> CredentialRecord:
    (found,) = credentials.find(connection, [digest(number)]).credentials
    return found


def new_user(connection: Connection) -> str:
    """Return a user who belongs to another organization."""
    return store_user(connection, store_organization(connection, "Home"), f"{fresh_id('usr')}@home.example").id


def test_a_bound_key_comes_with_its_users_roles_in_its_own_organization_and_project(
    connection: Connection, project: Project
) -> None:
    user_id = new_user(connection)
    put_member(connection, project.organization_id, user_id, "viewer", NOW)
    elsewhere = store_project(connection, Organization(id=project.organization_id, name="", created_at=NOW))
    put_project_role(connection, project.organization_id, elsewhere.id, user_id, "admin", NOW)
    store(connection, project, 1, user_id)
    assert read(connection, 1).user == UserRecord(user_id, "viewer")
    put_project_role(connection, project.organization_id, project.id, user_id, "developer", NOW)
    assert read(connection, 1).user == UserRecord(user_id, "viewer", "developer")


def test_an_unbound_key_has_no_user_however_many_members_there_are(connection: Connection, project: Project) -> None:
    put_member(connection, project.organization_id, new_user(connection), "owner", NOW)
    store(connection, project, 1, None)
    assert read(connection, 1).user is None


def test_a_member_of_another_organization_alone_is_no_member(connection: Connection, project: Project) -> None:
    user_id = new_user(connection)
    put_project_role(connection, project.organization_id, project.id, user_id, "admin", NOW)
    store(connection, project, 1, user_id)
    assert read(connection, 1).user == UserRecord(user_id, None)


@pytest.mark.parametrize(("made_after", "role"), [(-1, None), (0, "owner"), (1, "owner")])
def test_a_key_that_is_older_than_the_membership_stays_dead(
    connection: Connection, project: Project, made_after: int, role: str | None
) -> None:
    user_id = new_user(connection)
    put_member(connection, project.organization_id, user_id, "owner", NOW + SECOND)
    put_project_role(connection, project.organization_id, project.id, user_id, "owner", NOW)
    store(connection, project, 1, user_id, created_at=NOW + SECOND + made_after)
    assert read(connection, 1).user == UserRecord(user_id, role, role)


def test_what_custom_roles_allow_comes_along_by_their_ids(connection: Connection, project: Project) -> None:
    store_api(connection, Organization(id=project.organization_id, name="", created_at=NOW), "https://orders.example")
    user_id, roles = new_user(connection), [fresh_id("rol") for _ in range(3)]
    for role in roles:
        put_role(connection, project.organization_id, role, READS, NOW)
    put_member(connection, project.organization_id, user_id, roles[0], NOW)
    put_project_role(connection, project.organization_id, project.id, user_id, roles[1], NOW)
    store(connection, project, 1, user_id)
    assert credentials.find(connection, [digest(1)]).roles == {roles[0]: READS, roles[1]: READS}


def test_the_organization_is_told_as_what_it_is(connection: Connection, project: Project) -> None:
    store(connection, project, 1, None)
    assert (read(connection, 1).organization_disabled, read(connection, 1).is_operators) == (False, False)
    connection.execute(organizations.update().values(disabled_at=NOW, is_operator=True))
    assert (read(connection, 1).organization_disabled, read(connection, 1).is_operators) == (True, True)


def test_keys_without_custom_roles_cost_no_query_more(connection: Connection, project: Project) -> None:
    user_id = new_user(connection)
    put_member(connection, project.organization_id, user_id, "viewer", NOW)
    store(connection, project, 1, None)
    store(connection, project, 2, user_id)
    statements = []
    event.listen(connection, "before_cursor_execute", lambda *told: statements.append(told[2]))
    credentials.find(connection, [digest(1), digest(2)])
    assert len(statements) == 2
    assert not any(" FROM roles" in statement for statement in statements)


def test_what_a_member_holds_is_read_for_one_project(connection: Connection, project: Project) -> None:
    user_id, role = new_user(connection), fresh_id("rol")
    other = store_project(connection, Organization(id=project.organization_id, name="", created_at=NOW))

    def held(in_project: Project = project) -> held_roles.Membership | None:
        return held_roles.of(connection, project.organization_id, user_id, in_project.id)

    assert held() is None
    put_role(connection, project.organization_id, role, READS, NOW)
    put_member(connection, project.organization_id, user_id, "viewer", NOW)
    put_project_role(connection, project.organization_id, project.id, user_id, role, NOW + 1)
    viewer = BUILT_IN["viewer"].access
    assert held() == held_roles.Membership(
        since=NOW, role="viewer", project_role=role, standing=Standing(viewer, READS)
    )
    assert held(other) == held_roles.Membership(
        since=NOW, role="viewer", project_role=None, standing=Standing(viewer, {})
    )
    connection.execute(members.delete().where(members.c.organization_id == project.organization_id))
    assert held() is None
