"""Members of projects: who may do more in one project than in the whole organization."""

from msgspec.structs import replace

from wayvo.core.access.permissions import USERS_READ, USERS_WRITE
from wayvo.core.access.roles import OWNER, Role
from wayvo.core.actor import Actor
from wayvo.core.change import Change
from wayvo.core.errors import NotFound, Problem, ProjectArchived, invalid
from wayvo.core.organizations import Project, ProjectMember
from wayvo.services.access import no_such_project, refuse_giving_inside, refuse_in_project
from wayvo.services.authority import confirm
from wayvo.services.draw import Draw
from wayvo.services.lists import Lister, Listing, Paging
from wayvo.services.users import NO_SUCH_ROLE, no_such_user
from wayvo.store import project_members, projects, roles, users
from wayvo.store.database import Database, Transaction


class ProjectMembers:
    """The members of a project of the actor's organization."""

    def __init__(self, database: Database, lister: Lister, draw: Draw) -> None:
        self._database = database
        self._lister = lister
        self._draw = draw

    async def list(self, actor: Actor, project_id: str, paging: Paging) -> Listing[ProjectMember] | Problem:
        """Return a page of a project's members."""
        if problem := refuse_in_project(actor, USERS_READ, project_id):
            return problem
        organization_id = actor.organization_id
        project = await self._database.read(lambda connection: projects.get(connection, organization_id, project_id))
        if project is None:
            return no_such_project()
        return await self._lister.page(
            actor,
            paging,
            "project-members",
            project_id,
            lambda connection, after, limit: project_members.page(
                connection, organization_id, project_id, after, limit
            ),
        )

    async def put(self, actor: Actor, project_id: str, user_id: str, role_id: str) -> ProjectMember | Problem:
        """Give a member of the organization a role in a project, in place of the one held there."""
        if problem := refuse_in_project(actor, USERS_WRITE, project_id):
            return problem
        now = self._draw.clock()
        happening = self._draw.happening(actor, now)

        def job(transaction: Transaction) -> ProjectMember | Problem:
            connection, organization_id = transaction.connection, actor.organization_id
            giver = confirm(connection, actor, USERS_WRITE, project_id)
            if isinstance(giver, Problem):
                return giver
            if problem := _refuse_project(_project(transaction, actor, project_id)):
                return problem
            user = users.get(connection, organization_id, user_id)
            if user is None:
                return no_such_user()
            role = _role(transaction, actor, role_id)
            if isinstance(role, Problem):
                return role
            before = project_members.get(connection, organization_id, project_id, user_id)
            if problem := _refuse_touching(transaction, giver, before) or refuse_giving_inside(
                connection, giver, role.access, project_id
            ):
                return problem
            if before is not None and before.role == role.id:
                return before
            after = ProjectMember(
                project_id=project_id,
                user_id=user_id,
                email=user.email,
                name=user.name,
                role=role.id,
                created_at=now if before is None else before.created_at,
                role_name=None if role.is_built_in else role.name,
            )
            project_members.put(connection, organization_id, after)
            transaction.announce(Change("member", user_id, now))
            event = happening.event("project_member.set", "project", project_id, before, after)
            # The same before and after, and so no difference: but whose role it is must be told.
            transaction.record(replace(event, after={**(event.after or {}), "user_id": user_id}))
            return after

        return await self._database.write(job)

    async def remove(self, actor: Actor, project_id: str, user_id: str) -> ProjectMember | Problem:
        """End a membership in a project; the one in the organization stays."""
        if problem := refuse_in_project(actor, USERS_WRITE, project_id):
            return problem
        now = self._draw.clock()
        happening = self._draw.happening(actor, now)

        def job(transaction: Transaction) -> ProjectMember | Problem:
            connection, organization_id = transaction.connection, actor.organization_id
            giver = confirm(connection, actor, USERS_WRITE, project_id)
            if isinstance(giver, Problem):
                return giver
            # Also out of an archived project: who must go, goes.
            if _project(transaction, actor, project_id) is None:
                return no_such_project()
            before = project_members.get(connection, organization_id, project_id, user_id)
            if before is None:
                return NotFound("There is no such member of this project.")
            if problem := _refuse_touching(transaction, giver, before):
                return problem
            project_members.delete(connection, organization_id, project_id, user_id)
            transaction.announce(Change("member", user_id, now))
            transaction.record(happening.event("project_member.remove", "project", project_id, before, None))
            return before

        return await self._database.write(job)


def _project(transaction: Transaction, actor: Actor, project_id: str) -> Project | None:
    return projects.get_to_add_to(transaction.connection, actor.organization_id, project_id)


def _refuse_project(project: Project | None) -> Problem | None:
    if project is None:
        return no_such_project()
    return None if project.archived_at is None else ProjectArchived("An archived project gets no new members.")


def _role(transaction: Transaction, actor: Actor, role_id: str) -> Role | Problem:
    """Return a role that can be held in a project."""
    role = roles.get(transaction.connection, actor.organization_id, role_id)
    if role is None:
        return invalid("role", NO_SUCH_ROLE)
    return invalid("role", "an owner owns the organization, not a project") if role.id == OWNER.id else role


def _refuse_touching(transaction: Transaction, giver: Actor, member: ProjectMember | None) -> Problem | None:
    """Nobody changes what somebody else holds if it is more than they hold themselves."""
    if member is None:
        return None
    connection = transaction.connection
    present = roles.access_of(connection, giver.organization_id, member.role)
    return refuse_giving_inside(connection, giver, present, member.project_id)
