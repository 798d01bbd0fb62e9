"""``/v1/users``."""

from litestar import Controller, delete, get, patch
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from wayvo.api.refusals import unwrap
from wayvo.api.schemas.fields import Cursor, Limit, List, to_list
from wayvo.api.schemas.members import RoleBody, UserView, user_view
from wayvo.api.strict_request import StrictRequest
from wayvo.core.paging import DEFAULT_PAGE
from wayvo.services.directory import Services
from wayvo.services.lists import Paging


class UsersController(Controller):
    """List, show, promote, demote and remove the members of the caller's organization."""

    path = "/v1/users"
    tags = ("Users",)

    @get(summary="List users", operation_id="listUsers")
    async def list(
        self,
        request: StrictRequest,
        services: NamedDependency[Services],
        limit: Limit = DEFAULT_PAGE,
        cursor: Cursor = None,
    ) -> List[UserView]:
        """List the members of the organization, the newest first. Needs `users:read`."""
        return to_list(unwrap(await services.users.list(request.auth, Paging(limit, cursor))), user_view)

    @get("/{user_id:str}", summary="Show a user", operation_id="getUser")
    async def show(
        self, request: StrictRequest, services: NamedDependency[Services], user_id: FromPath[str]
    ) -> UserView:
        """Show one member. Needs `users:read`."""
        return user_view(unwrap(await services.users.get(request.auth, user_id)))

    @patch("/{user_id:str}", summary="Change a user's role", operation_id="changeUserRole")
    async def change_role(
        self,
        request: StrictRequest,
        services: NamedDependency[Services],
        user_id: FromPath[str],
        data: JSONBody[RoleBody],
    ) -> UserView:
        """Give a member another role, in force before this answer is sent.

        The calling credential must hold what the member held and what the role allows. The last owner stays one. Needs
        `users:write`.
        """
        return user_view(unwrap(await services.users.change_role(request.auth, user_id, data.role)))

    @delete("/{user_id:str}", summary="Remove a user", operation_id="removeUser", status_code=200)
    async def remove(
        self, request: StrictRequest, services: NamedDependency[Services], user_id: FromPath[str]
    ) -> UserView:
        """End a membership, and those in the organization's projects with it; the last owner can't leave.

        Needs `users:write`, and all that the member held; users may remove themselves with any credential of theirs.
        """
        return user_view(unwrap(await services.users.remove(request.auth, user_id)))
