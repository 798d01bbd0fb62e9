"""``/v1/projects``."""

from litestar import Controller, Response, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from wayvo.api.creations import REPLAY_HEADERS, answer_creation, read_once
from wayvo.api.refusals import unwrap
from wayvo.api.schemas.fields import Cursor, IdempotencyKey, Limit, List, to_list
from wayvo.api.schemas.organizations import (
    ArchiveProjectBody,
    ChangeProjectBody,
    CreateProjectBody,
    ProjectView,
    project_view,
)
from wayvo.api.strict_request import StrictRequest
from wayvo.core.paging import DEFAULT_PAGE
from wayvo.services.directory import Services
from wayvo.services.lists import Paging


class ProjectsController(Controller):
    """Create, list, show, rename and archive projects."""

    path = "/v1/projects"
    tags = ("Projects",)

    @post(summary="Create a project", operation_id="createProject", response_headers=REPLAY_HEADERS)
    async def create(
        self,
        request: StrictRequest,
        services: NamedDependency[Services],
        data: JSONBody[CreateProjectBody],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[ProjectView]:
        """Make a project. Needs `projects:write`."""
        once = await read_once(request, idempotency_key, project_view)
        return answer_creation(await services.projects.create(request.auth, data.to_command(), once), project_view)

    @get(summary="List projects", operation_id="listProjects")
    async def list(
        self,
        request: StrictRequest,
        services: NamedDependency[Services],
        limit: Limit = DEFAULT_PAGE,
        cursor: Cursor = None,
    ) -> List[ProjectView]:
        """List the organization's projects, the newest first. Needs `projects:read`."""
        return to_list(unwrap(await services.projects.list(request.auth, Paging(limit, cursor))), project_view)

    @get("/{project_id:str}", summary="Show a project", operation_id="getProject")
    async def show(
        self, request: StrictRequest, services: NamedDependency[Services], project_id: FromPath[str]
    ) -> ProjectView:
        """Show one project. Needs `projects:read`."""
        return project_view(unwrap(await services.projects.get(request.auth, project_id)))

    @patch("/{project_id:str}", summary="Rename a project", operation_id="changeProject")
    async def change(
        self,
        request: StrictRequest,
        services: NamedDependency[Services],
        project_id: FromPath[str],
        data: JSONBody[ChangeProjectBody],
    ) -> ProjectView:
        """Rename or describe a project. Needs `projects:write`."""
        return project_view(unwrap(await services.projects.change(request.auth, project_id, data.to_command())))

    @post("/{project_id:str}/archive", summary="Archive a project", operation_id="archiveProject", status_code=200)
    async def archive(
        self,
        request: StrictRequest,
        services: NamedDependency[Services],
        project_id: FromPath[str],
        data: JSONBody[ArchiveProjectBody],
    ) -> ProjectView:
        """Close a project for good: all its keys are denied before this answer is sent. Needs `projects:write`."""
        return project_view(unwrap(await services.projects.archive(request.auth, project_id)))
