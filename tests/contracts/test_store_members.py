"""Members, roles and the members of projects as rows, on every engine."""

import pytest
from sqlalchemy import Connection

from tests.contracts.things import NOW, fresh_id, store_organization, store_project, store_user
from wayvo.core.access.permissions import OWN_AUDIENCE
from wayvo.core.access.roles import BUILT_IN_ROLES, OWNER, Role
from wayvo.core.invitations import Invitation
from wayvo.core.organizations import Organization, ProjectMember
from wayvo.store import invitations, members, organizations, project_members, roles, users
from wayvo.store.users import Account


def store_role(connection: Connection, organization: Organization, name: str = "Support") -> Role:
    role = Role(
        id=fresh_id("rol"),
        organization_id=organization.id,
        name=name,
        description="",
        access={OWN_AUDIENCE: ("users:read",), "https://orders.example": ("*",)},
        created_at=NOW,
    )
    assert roles.insert(connection, role)
    return role


def test_a_role_is_known_to_its_organization_alone_and_a_built_in_one_to_all(connection: Connection) -> None:
    organization, stranger = store_organization(connection), store_organization(connection, "Stranger")
    role = store_role(connection, organization)
    assert roles.get(connection, organization.id, role.id) == role
    assert roles.get(connection, stranger.id, role.id) is None
    assert roles.access_of(connection, stranger.id, role.id) == {}
    assert roles.get(connection, stranger.id, "owner") == OWNER
    assert roles.count(connection, organization.id) == 1
    assert roles.count(connection, stranger.id) == 0
    assert roles.page(connection, stranger.id, None, 10).rows == BUILT_IN_ROLES


def test_a_name_is_taken_in_one_organization_only(connection: Connection) -> None:
    organization, stranger = store_organization(connection), store_organization(connection, "Stranger")
    role = store_role(connection, organization)
    twin = Role(**{name: getattr(role, name) for name in Role.__struct_fields__} | {"id": fresh_id("rol")})
    assert not roles.insert(connection, twin)
    assert roles.names(connection, organization.id) == {role.id: "Support"}
    assert roles.names(connection, stranger.id) == {}


def test_a_role_is_deleted_by_its_own_organization_alone(connection: Connection) -> None:
    organization, stranger = store_organization(connection), store_organization(connection, "Stranger")
    role = store_role(connection, organization)
    roles.delete(connection, stranger.id, role.id)
    assert roles.get(connection, organization.id, role.id) == role
    roles.delete(connection, organization.id, role.id)
    assert roles.get(connection, organization.id, role.id) is None


def test_a_member_is_shown_with_the_name_of_a_custom_role(connection: Connection) -> None:
    organization = store_organization(connection)
    user, role = store_user(connection, organization, "ann@acme.example"), store_role(connection, organization)
    members.set_role(connection, organization.id, user.id, role.id)
    shown = users.get(connection, organization.id, user.id)
    assert shown is not None
    assert (shown.role, shown.role_name) == (role.id, "Support")
    assert roles.is_in_use(connection, organization.id, role.id, NOW)


def test_a_user_belongs_to_several_organizations_with_a_role_in_each(connection: Connection) -> None:
    one, other = store_organization(connection), store_organization(connection, "Other")
    user = store_user(connection, one, "ann@acme.example")
    assert members.insert(connection, other.id, user.id, "viewer", NOW)
    assert not members.insert(connection, other.id, user.id, "owner", NOW), "they are a member already"
    assert members.role_of(connection, one.id, user.id) == "owner"
    assert members.role_of(connection, other.id, user.id) == "viewer"
    assert sorted(members.organizations_of(connection, user.id)) == sorted([one.id, other.id])
    members.delete(connection, one.id, user.id)
    assert members.role_of(connection, one.id, user.id) is None
    assert members.role_of(connection, other.id, user.id) == "viewer"


def test_another_owner_is_somebody_else_of_the_same_organization(connection: Connection) -> None:
    one, other = store_organization(connection), store_organization(connection, "Other")
    user = store_user(connection, one, "ann@acme.example")
    store_user(connection, other, "bob@acme.example")
    assert not members.has_another(connection, one.id, "owner", user.id)
    store_user(connection, one, "eve@acme.example")
    assert members.has_another(connection, one.id, "owner", user.id)


def test_an_address_gets_one_account(connection: Connection) -> None:
    account = Account(fresh_id("usr"), "Ann", "$argon2id$…")
    assert users.account_of(connection, "new@acme.example") is None
    assert users.add_account(connection, "new@acme.example", account, NOW)
    assert not users.add_account(connection, "new@acme.example", Account(fresh_id("usr"), "Bob", None), NOW)
    assert users.account_of(connection, "new@acme.example") == account
    users.set_password(connection, account.id, "$argon2id$else")
    assert users.account_of(connection, "new@acme.example") == account._replace(password_hash="$argon2id$else")


def test_a_project_has_members_and_who_leaves_the_organization_leaves_all_of_them(connection: Connection) -> None:
    organization, stranger = store_organization(connection), store_organization(connection, "Stranger")
    user, role = store_user(connection, organization, "ann@acme.example"), store_role(connection, organization)
    projects = [store_project(connection, organization) for _ in range(2)]
    made = ProjectMember(
        project_id=projects[0].id,
        user_id=user.id,
        email=user.email,
        name=user.name,
        role=role.id,
        created_at=NOW,
        role_name="Support",
    )
    project_members.put(connection, organization.id, made)
    assert project_members.get(connection, organization.id, projects[0].id, user.id) == made
    assert project_members.get(connection, stranger.id, projects[0].id, user.id) is None
    assert project_members.page(connection, organization.id, projects[0].id, None, 10).rows == (made,)
    assert project_members.page(connection, stranger.id, projects[0].id, None, 10).rows == ()
    assert roles.is_in_use(connection, organization.id, role.id, NOW)
    viewing = ProjectMember(
        project_id=projects[0].id, user_id=user.id, email=user.email, name=user.name, role="viewer", created_at=NOW
    )
    project_members.put(connection, organization.id, viewing)
    assert project_members.get(connection, organization.id, projects[0].id, user.id) == viewing
    assert not roles.is_in_use(connection, organization.id, role.id, NOW)
    second = ProjectMember(
        project_id=projects[1].id, user_id=user.id, email=user.email, name=user.name, role="admin", created_at=NOW
    )
    project_members.put(connection, organization.id, second)
    roles_there = {projects[0].id: "viewer", projects[1].id: "admin"}
    assert project_members.roles_of(connection, organization.id, user.id) == roles_there
    assert project_members.roles_of(connection, stranger.id, user.id) == {}
    project_members.delete(connection, stranger.id, projects[0].id, user.id)
    assert len(project_members.roles_of(connection, organization.id, user.id)) == 2
    project_members.delete(connection, organization.id, projects[0].id, user.id)
    assert project_members.roles_of(connection, organization.id, user.id) == {projects[1].id: "admin"}
    project_members.delete_all(connection, organization.id, user.id)
    assert project_members.roles_of(connection, organization.id, user.id) == {}


def test_organizations_are_held_updated_and_listed_the_newest_first(connection: Connection) -> None:
    one, other = store_organization(connection), store_organization(connection, "Other")
    disabled = Organization(id=other.id, name="Renamed", created_at=other.created_at, disabled_at=NOW)
    organizations.update(connection, disabled)
    assert organizations.hold(connection, other.id) == organizations.get(connection, other.id) == disabled
    assert organizations.hold(connection, "org_0") is None
    assert organizations.operator(connection) is None
    operator = Organization(id=fresh_id("org"), name="Operator", created_at=NOW, is_operator=True)
    organizations.insert(connection, operator)
    assert organizations.operator(connection) == operator
    assert organizations.page(connection, None, None, 10).rows == (operator, disabled, one)
    assert organizations.page(connection, one.id, None, 10).rows == (one,)


def invited(organization: Organization, email: str = "ann@acme.example", **fields: object) -> Invitation:
    made: dict[str, object] = {
        "id": fresh_id("inv"),
        "organization_id": organization.id,
        "email": email,
        "role": "viewer",
        "created_at": NOW,
        "created_by": "usr_0",
        "expires_at": NOW + 100,
    }
    return Invitation(**(made | fields))  # type: ignore[arg-type] # fields of a test's choice


@pytest.mark.parametrize("end", ["accept", "withdraw"])
def test_an_invitation_ends_once(connection: Connection, end: str) -> None:
    organization = store_organization(connection)
    invitation = invited(organization)
    invitations.insert(connection, invitation, bytes(32))
    assert invitations.by_digest(connection, bytes(32)) == invitation
    assert invitations.by_digest(connection, bytes(31) + b"x") is None
    assert invitations.accept(connection, invitation.id, "usr_1", NOW + 100) is None, "it has expired by then"
    assert invitations.withdraw(connection, invitation.id, NOW + 100) is None
    ended = (
        invitations.accept(connection, invitation.id, "usr_1", NOW + 99)
        if end == "accept"
        else invitations.withdraw(connection, invitation.id, NOW + 99)
    )
    assert ended is not None
    assert ended == invitations.get(connection, organization.id, invitation.id)
    assert ended.status(NOW + 99) == {"accept": "accepted", "withdraw": "withdrawn"}[end]
    assert invitations.accept(connection, invitation.id, "usr_2", NOW + 99) is None
    assert invitations.withdraw(connection, invitation.id, NOW + 99) is None
    assert invitations.get(connection, organization.id, invitation.id) == ended


def test_open_invitations_are_those_that_can_be_accepted(connection: Connection) -> None:
    organization, stranger = store_organization(connection), store_organization(connection, "Stranger")
    is_open = invited(organization, role="rol_1")
    ended = [
        invited(organization, "b@acme.example", role="rol_2", accepted_at=NOW),
        invited(organization, "c@acme.example", role="rol_2", withdrawn_at=NOW),
        invited(organization, "d@acme.example", role="rol_2", expires_at=NOW),
    ]
    for number, invitation in enumerate([is_open, *ended]):
        invitations.insert(connection, invitation, number.to_bytes(32))
    assert invitations.count_open(connection, organization.id, NOW) == 1
    assert invitations.open_for(connection, organization.id, is_open.email, NOW) == is_open
    assert [invitations.open_for(connection, organization.id, one.email, NOW) for one in ended] == [None] * 3
    assert invitations.count_open(connection, stranger.id, NOW) == 0
    assert invitations.open_for(connection, stranger.id, is_open.email, NOW) is None
    assert invitations.get(connection, stranger.id, is_open.id) is None
    assert roles.is_in_use(connection, organization.id, "rol_1", NOW)
    assert not roles.is_in_use(connection, organization.id, "rol_2", NOW)
    assert not roles.is_in_use(connection, stranger.id, "rol_1", NOW)
    page = invitations.page(connection, organization.id, None, 3)
    assert page.rows == tuple(reversed([*ended]))
    assert invitations.page(connection, organization.id, page.next, 3).rows == (is_open,)
    assert invitations.prune(connection, organization.id, NOW + 1, 2) == 2
    assert invitations.prune(connection, organization.id, NOW + 1, 10) == 1
    assert invitations.page(connection, organization.id, None, 10).rows == (is_open,)
