"""``/v1/roles``, and the permissions that they are made of."""

from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from wayvo.api.creations import REPLAY_HEADERS, answer_creation, read_once
from wayvo.api.refusals import Refused, unwrap
from wayvo.api.schemas.fields import Cursor, IdempotencyKey, Limit, List, to_list
from wayvo.api.schemas.roles import (
    ChangeRoleBody,
    CreateRoleBody,
    PermissionView,
    RoleView,
    permission_view,
    role_view,
)
from wayvo.api.strict_request import StrictRequest
from wayvo.core.access.permissions import PERMISSIONS, ROLES_READ
from wayvo.core.paging import DEFAULT_PAGE
from wayvo.services.directory import Services
from wayvo.services.lists import Paging


class RolesController(Controller):
    """Create, list, show, change and delete roles."""

    path = "/v1/roles"
    tags = ("Roles",)

    @post(summary="Create a role", operation_id="createRole", response_headers=REPLAY_HEADERS)
    async def create(
        self,
        request: StrictRequest,
        services: NamedDependency[Services],
        data: JSONBody[CreateRoleBody],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[RoleView]:
        """Make a custom role that allows no more than the calling credential holds. Needs `roles:write`."""
        once = await read_once(request, idempotency_key, role_view)
        return answer_creation(await services.roles.create(request.auth, data.to_command(), once), role_view)

    @get(summary="List roles", operation_id="listRoles")
    async def list(
        self,
        request: StrictRequest,
        services: NamedDependency[Services],
        limit: Limit = DEFAULT_PAGE,
        cursor: Cursor = None,
    ) -> List[RoleView]:
        """List the built-in roles, and after them the organization's own, the newest first. Needs `roles:read`."""
        return to_list(unwrap(await services.roles.list(request.auth, Paging(limit, cursor))), role_view)

    @get("/{role_id:str}", summary="Show a role", operation_id="getRole")
    async def show(
        self, request: StrictRequest, services: NamedDependency[Services], role_id: FromPath[str]
    ) -> RoleView:
        """Show one role. Needs `roles:read`."""
        return role_view(unwrap(await services.roles.get(request.auth, role_id)))

    @patch("/{role_id:str}", summary="Change a role", operation_id="changeRole")
    async def change(
        self,
        request: StrictRequest,
        services: NamedDependency[Services],
        role_id: FromPath[str],
        data: JSONBody[ChangeRoleBody],
    ) -> RoleView:
        """Change a custom role, for everybody who has it, before this answer is sent.

        The calling credential must hold what the role allows, before and after. Needs `roles:write`.
        """
        return role_view(unwrap(await services.roles.change(request.auth, role_id, data.to_command())))

    @delete("/{role_id:str}", summary="Delete a role", operation_id="deleteRole", status_code=200)
    async def delete(
        self, request: StrictRequest, services: NamedDependency[Services], role_id: FromPath[str]
    ) -> RoleView:
        """Delete a custom role that nobody has, nor is invited as. Needs `roles:write`."""
        return role_view(unwrap(await services.roles.delete(request.auth, role_id)))


class PermissionsController(Controller):
    """What roles are made of."""

    path = "/v1/permissions"
    tags = ("Roles",)

    @get(summary="List permissions", operation_id="listPermissions")
    async def list(self, request: StrictRequest) -> List[PermissionView]:
        """List all permissions of Wayvo's own API, on one page. Needs `roles:read`."""
        if problem := request.auth.lacks(ROLES_READ):
            raise Refused(problem)
        return List(tuple(permission_view(permission) for permission in PERMISSIONS), None)
