"""Every change of organizations, members, roles, invitations and projects records one audit event, with no secret."""

from typing import Any

from tests.harness.acting import Acting
from tests.harness.leaks import leaked
from tests.harness.people import join
from tests.harness.server import RunningServer
from wayvo.services.invitations import Invite
from wayvo.services.organizations import CreateOrganization
from wayvo.services.projects import ChangeProject, CreateProject
from wayvo.services.roles import ChangeRole, CreateRole


def test_every_change_records_one_event_and_what_changes_nothing_records_none(server: RunningServer) -> None:
    client = server.client()
    acting = Acting(server)
    owner = acting.member(acting.owner_id, "owner")
    member, leaver = join(client)["id"], join(client)["id"]

    def does(step: Any, *actions: str) -> Any:
        acting.recorded.clear()
        result = acting.do(step)
        assert [event["action"] for event in acting.recorded] == list(actions)
        assert not leaked(repr(acting.recorded))
        for event in acting.recorded:
            assert (event["actor_type"], event["organization_id"]) == ("user", acting.organization_id)
            assert event["before"] != event["after"]
        return result

    role = does(acting.roles.create(owner, CreateRole(name="n", permissions=()), None), "role.create")
    does(acting.roles.change(owner, role.id, ChangeRole(permissions=("users:read",))), "role.change")
    does(acting.roles.change(owner, role.id, ChangeRole(permissions=("users:read",))))
    does(acting.roles.delete(owner, role.id), "role.delete")
    does(acting.roles.delete(owner, role.id))
    does(acting.users.change_role(owner, member, "developer"), "member.change_role")
    does(acting.users.change_role(owner, member, "developer"))
    project = does(acting.projects.create(owner, CreateProject(name="n"), None), "project.create")
    does(acting.projects.change(owner, project.id, ChangeProject(name="m")), "project.change")
    placed = acting.project_members
    does(placed.put(owner, project.id, member, "viewer"), "project_member.set")
    does(placed.put(owner, project.id, member, "viewer"))
    does(placed.remove(owner, project.id, member), "project_member.remove")
    does(acting.projects.archive(owner, project.id), "project.archive")
    does(acting.projects.archive(owner, project.id))
    does(acting.users.remove(owner, member), "member.remove")
    does(acting.users.remove(acting.member(leaver), leaver), "member.leave")
    does(acting.users.remove(owner, acting.owner_id))
    invite = Invite(email="ann@example.com", role="viewer")
    does(acting.invitations.create(owner, invite, None), "invitation.create")
    again = acting.invitations.create(owner, invite, None)
    issued = does(again, "invitation.withdraw", "invitation.create")
    does(acting.invitations.withdraw(owner, issued.invitation.id), "invitation.withdraw")
    does(acting.invitations.withdraw(owner, issued.invitation.id))
    organizations = acting.organizations
    command = CreateOrganization(name="Umbrella", owner_email="o@example.com")
    made = does(organizations.create(owner, command, None), "organization.create").organization.id
    does(organizations.rename(owner, made, "Renamed"), "organization.rename")
    does(organizations.rename(owner, made, "Renamed"))
    does(organizations.disable(owner, made), "organization.disable")
    does(organizations.disable(owner, made))
    does(organizations.enable(owner, made), "organization.enable")


def test_who_is_given_another_role_in_a_project_stands_in_the_event(server: RunningServer) -> None:
    acting = Acting(server)
    owner = acting.member(acting.owner_id, "owner")
    member = join(server.client())["id"]
    for role in ("viewer", "developer"):
        acting.recorded.clear()
        acting.do(acting.project_members.put(owner, acting.project_id, member, role))
        assert [(member in event["after"], role in event["after"]) for event in acting.recorded] == [(True, True)]
