"""``/v1/apis``."""

from litestar import Controller, Response, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from wayvo.api.creations import REPLAY_HEADERS, answer_creation, read_once
from wayvo.api.refusals import unwrap
from wayvo.api.schemas.fields import Cursor, IdempotencyKey, Limit, List, to_list
from wayvo.api.schemas.organizations import ApiView, ChangeApiBody, RegisterApiBody, api_view
from wayvo.api.strict_request import StrictRequest
from wayvo.core.paging import DEFAULT_PAGE
from wayvo.services.directory import Services
from wayvo.services.lists import Paging


class ApisController(Controller):
    """Register, list, show and change protected APIs."""

    path = "/v1/apis"
    tags = ("APIs",)

    @post(summary="Register an API", operation_id="registerApi", response_headers=REPLAY_HEADERS)
    async def register(
        self,
        request: StrictRequest,
        services: NamedDependency[Services],
        data: JSONBody[RegisterApiBody],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[ApiView]:
        """Register an API to protect, with the scopes that it declares. Needs `apis:write`.

        Every API has the scope `credentials:verify` without declaring it: who holds it for an audience may ask
        `/v1/verify` about credentials for that audience.
        """
        once = await read_once(request, idempotency_key, api_view)
        return answer_creation(await services.apis.register(request.auth, data.to_command(), once), api_view)

    @get(summary="List APIs", operation_id="listApis")
    async def list(
        self,
        request: StrictRequest,
        services: NamedDependency[Services],
        limit: Limit = DEFAULT_PAGE,
        cursor: Cursor = None,
    ) -> List[ApiView]:
        """List the organization's APIs and those for the whole installation, the newest first. Needs `apis:read`."""
        return to_list(unwrap(await services.apis.list(request.auth, Paging(limit, cursor))), api_view)

    @get("/{api_id:str}", summary="Show an API", operation_id="getApi")
    async def show(self, request: StrictRequest, services: NamedDependency[Services], api_id: FromPath[str]) -> ApiView:
        """Show one API. Needs `apis:read`."""
        return api_view(unwrap(await services.apis.get(request.auth, api_id)))

    @patch("/{api_id:str}", summary="Change an API", operation_id="changeApi")
    async def change(
        self,
        request: StrictRequest,
        services: NamedDependency[Services],
        api_id: FromPath[str],
        data: JSONBody[ChangeApiBody],
    ) -> ApiView:
        """Change an API; a scope it no longer declares opens nothing from then on. Needs `apis:write`."""
        return api_view(unwrap(await services.apis.change(request.auth, api_id, data.to_command())))
