"""``/v1/users``."""

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from wayvo.api.refusals import unwrap
from wayvo.api.schemas.fields import Cursor, Limit, List, to_list
from wayvo.api.schemas.organizations import UserView, user_view
from wayvo.api.strict_request import StrictRequest
from wayvo.core.paging import DEFAULT_PAGE
from wayvo.services.directory import Services
from wayvo.services.lists import Paging


class UsersController(Controller):
    """List and show the members of the caller's organization."""

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
