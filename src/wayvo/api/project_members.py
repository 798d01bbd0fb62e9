"""``/v1/projects/{project_id}/members``."""

from litestar import Controller, delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from wayvo.api.refusals import unwrap
from wayvo.api.schemas.fields import Cursor, Limit, List, to_list
from wayvo.api.schemas.members import ProjectMemberView, RoleBody, project_member_view
from wayvo.api.strict_request import StrictRequest
from wayvo.core.paging import DEFAULT_PAGE
from wayvo.services.directory import Services
from wayvo.services.lists import Paging


class ProjectMembersController(Controller):
    """List, add, change and remove the members of a project."""

    path = "/v1/projects/{project_id:str}/members"
    tags = ("Projects",)

    @get(summary="List a project's members", operation_id="listProjectMembers")
    async def list(
        self,
        request: StrictRequest,
        services: NamedDependency[Services],
        project_id: FromPath[str],
        limit: Limit = DEFAULT_PAGE,
        cursor: Cursor = None,
    ) -> List[ProjectMemberView]:
        """List who holds a role in the project beyond the one in the organization. Needs `users:read`."""
        listing = await services.project_members.list(request.auth, project_id, Paging(limit, cursor))
        return to_list(unwrap(listing), project_member_view)

    @put("/{user_id:str}", summary="Give a role in a project", operation_id="putProjectMember")
    async def put(
        self,
        request: StrictRequest,
        services: NamedDependency[Services],
        project_id: FromPath[str],
        user_id: FromPath[str],
        data: JSONBody[RoleBody],
    ) -> ProjectMemberView:
        """Give a member of the organization a role in the project, in place of the one held there.

        Any role but `owner`. What it allows, and what the one before did, the caller must hold in the project. Needs
        `users:write`, in the organization or in the project.
        """
        member = await services.project_members.put(request.auth, project_id, user_id, data.role)
        return project_member_view(unwrap(member))

    @delete("/{user_id:str}", summary="Remove a project's member", operation_id="removeProjectMember", status_code=200)
    async def remove(
        self,
        request: StrictRequest,
        services: NamedDependency[Services],
        project_id: FromPath[str],
        user_id: FromPath[str],
    ) -> ProjectMemberView:
        """End a membership in the project; the one in the organization stays. Needs `users:write`."""
        member = await services.project_members.remove(request.auth, project_id, user_id)
        return project_member_view(unwrap(member))
