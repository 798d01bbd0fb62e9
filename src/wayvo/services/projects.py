"""Projects: create, rename, archive."""

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from wayvo.core.access.permissions import PROJECTS_READ, PROJECTS_WRITE
from wayvo.core.actor import Actor
from wayvo.core.change import Change
from wayvo.core.errors import Problem, ProjectArchived
from wayvo.core.organizations import Project
from wayvo.services.access import no_such_project, refuse_in_project
from wayvo.services.authority import present
from wayvo.services.draw import Draw
from wayvo.services.lists import Lister, Listing, Paging
from wayvo.services.once import Once, Repeated, find_earlier, keep
from wayvo.store import projects
from wayvo.store.database import Database, Transaction


class CreateProject(msgspec.Struct, frozen=True, kw_only=True):
    """A project to make."""

    name: str
    description: str = ""


class ChangeProject(msgspec.Struct, frozen=True, kw_only=True):
    """What to change; what is unset stays."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET


class Projects:
    """The projects of the actor's organization."""

    def __init__(self, database: Database, lister: Lister, draw: Draw) -> None:
        self._database = database
        self._lister = lister
        self._draw = draw

    async def create(self, actor: Actor, command: CreateProject, once: Once | None) -> Project | Repeated | Problem:
        """Make a project."""
        if problem := actor.lacks(PROJECTS_WRITE):
            return problem
        now = self._draw.clock()
        project = Project(
            id=self._draw.new_id("prj", now),
            organization_id=actor.organization_id,
            name=command.name,
            description=command.description,
            created_at=now,
        )
        happening = self._draw.happening(actor, now)

        def job(transaction: Transaction) -> Project | Repeated | Problem:
            connection = transaction.connection
            if problem := present(connection, actor).lacks(PROJECTS_WRITE):
                return problem
            if earlier := find_earlier(connection, actor, once, now) or keep(connection, actor, once, project, now):
                return earlier
            projects.insert(connection, project)
            transaction.announce(Change("project", project.id, now))
            transaction.record(happening.event("project.create", "project", project.id, None, project))
            return project

        return await self._database.write(job)

    async def get(self, actor: Actor, project_id: str) -> Project | Problem:
        """Return one project."""
        if problem := refuse_in_project(actor, PROJECTS_READ, project_id):
            return problem
        project = await self._database.read(
            lambda connection: projects.get(connection, actor.organization_id, project_id)
        )
        return project or no_such_project()

    async def list(self, actor: Actor, paging: Paging) -> Listing[Project] | Problem:
        """Return a page of the projects that the actor sees, archived ones among them."""
        if problem := actor.lacks_everywhere(PROJECTS_READ):
            return problem
        only = actor.projects_with(PROJECTS_READ)
        return await self._lister.page(
            actor,
            paging,
            "projects",
            None if only is None else sorted(only),
            lambda connection, after, limit: projects.page(connection, actor.organization_id, after, limit, only),
        )

    async def change(self, actor: Actor, project_id: str, command: ChangeProject) -> Project | Problem:
        """Rename or describe a project."""
        if problem := refuse_in_project(actor, PROJECTS_WRITE, project_id):
            return problem
        now = self._draw.clock()
        happening = self._draw.happening(actor, now)
        fields = {name: value for name in ("name", "description") if (value := getattr(command, name)) is not UNSET}

        def job(transaction: Transaction) -> Project | Problem:
            if problem := refuse_in_project(present(transaction.connection, actor), PROJECTS_WRITE, project_id):
                return problem
            project = projects.get_for_update(transaction.connection, actor.organization_id, project_id)
            if project is None:
                return no_such_project()
            if project.archived_at is not None:
                return ProjectArchived("An archived project does not change.")
            changed = replace(project, **fields)
            if changed == project:
                return project
            projects.update(transaction.connection, changed)
            transaction.announce(Change("project", project_id, now))
            transaction.record(happening.event("project.change", "project", project_id, project, changed))
            return changed

        return await self._database.write(job)

    async def archive(self, actor: Actor, project_id: str) -> Project | Problem:
        """Close a project for good: all its keys end at once, however many. A second time changes nothing."""
        if problem := refuse_in_project(actor, PROJECTS_WRITE, project_id):
            return problem
        now = self._draw.clock()
        happening = self._draw.happening(actor, now)

        def job(transaction: Transaction) -> Project | Problem:
            if problem := refuse_in_project(present(transaction.connection, actor), PROJECTS_WRITE, project_id):
                return problem
            project = projects.get_for_update(transaction.connection, actor.organization_id, project_id)
            if project is None:
                return no_such_project()
            if project.archived_at is not None:
                return project
            archived = replace(project, archived_at=now)
            projects.update(transaction.connection, archived)
            transaction.announce(Change("project", project_id, now))
            transaction.record(happening.event("project.archive", "project", project_id, project, archived))
            return archived

        return await self._database.write(job)
