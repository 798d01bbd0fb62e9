"""``/v1/organizations``."""

from collections.abc import Callable
from typing import Final

from litestar import Controller, Response, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from wayvo.api.creations import REPLAY_HEADERS, answer_creation, read_once
from wayvo.api.refusals import unwrap
from wayvo.api.schemas.fields import Cursor, IdempotencyKey, Limit, List, to_list
from wayvo.api.schemas.members import (
    CreateOrganizationBody,
    OpeningView,
    OrganizationView,
    RenameOrganizationBody,
    SwitchOrganizationBody,
    opening_view,
    organization_view,
)
from wayvo.api.strict_request import StrictRequest
from wayvo.core.paging import DEFAULT_PAGE
from wayvo.services.directory import Services
from wayvo.services.lists import Paging
from wayvo.services.organizations import Opening

_SHOWN_ONCE: Final = ("invitation",)


class OrganizationsController(Controller):
    """Create, list, show, rename, disable and enable organizations."""

    path = "/v1/organizations"
    tags = ("Organizations",)

    @post(summary="Create an organization", operation_id="createOrganization", response_headers=REPLAY_HEADERS)
    async def create(
        self,
        request: StrictRequest,
        services: NamedDependency[Services],
        public_url: NamedDependency[str],
        data: JSONBody[CreateOrganizationBody],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[OpeningView]:
        """Make an organization with a project, and a link that makes whoever opens it its owner.

        Needs `installation:write`, in the operator's organization.
        """
        show: Callable[[Opening], OpeningView] = lambda opening: opening_view(opening, services.clock(), public_url)  # noqa: E731
        once = await read_once(request, idempotency_key, show, without=_SHOWN_ONCE)
        return answer_creation(await services.organizations.create(request.auth, data.to_command(), once), show)

    @get(summary="List organizations", operation_id="listOrganizations")
    async def list(
        self,
        request: StrictRequest,
        services: NamedDependency[Services],
        limit: Limit = DEFAULT_PAGE,
        cursor: Cursor = None,
    ) -> List[OrganizationView]:
        """List organizations, the newest first: with the operator's `installation:read` all of them.

        With `organizations:read` alone, only the caller's own.
        """
        return to_list(
            unwrap(await services.organizations.list(request.auth, Paging(limit, cursor))), organization_view
        )

    @get("/{organization_id:str}", summary="Show an organization", operation_id="getOrganization")
    async def show(
        self, request: StrictRequest, services: NamedDependency[Services], organization_id: FromPath[str]
    ) -> OrganizationView:
        """Show one organization: one's own with `organizations:read`, any with the operator's `installation:read`."""
        return organization_view(unwrap(await services.organizations.get(request.auth, organization_id)))

    @patch("/{organization_id:str}", summary="Rename an organization", operation_id="renameOrganization")
    async def rename(
        self,
        request: StrictRequest,
        services: NamedDependency[Services],
        organization_id: FromPath[str],
        data: JSONBody[RenameOrganizationBody],
    ) -> OrganizationView:
        """Rename one's own organization with `organizations:write`, any with the operator's `installation:write`."""
        return organization_view(unwrap(await services.organizations.rename(request.auth, organization_id, data.name)))

    @post(
        "/{organization_id:str}/disable",
        summary="Disable an organization",
        operation_id="disableOrganization",
        status_code=200,
    )
    async def disable(
        self,
        request: StrictRequest,
        services: NamedDependency[Services],
        organization_id: FromPath[str],
        data: JSONBody[SwitchOrganizationBody],
    ) -> OrganizationView:
        """Deny an organization everything, before this answer is sent and however many keys it has.

        Needs the operator's `installation:write`. The operator's own can't be disabled.
        """
        return organization_view(unwrap(await services.organizations.disable(request.auth, organization_id)))

    @post(
        "/{organization_id:str}/enable",
        summary="Enable an organization",
        operation_id="enableOrganization",
        status_code=200,
    )
    async def enable(
        self,
        request: StrictRequest,
        services: NamedDependency[Services],
        organization_id: FromPath[str],
        data: JSONBody[SwitchOrganizationBody],
    ) -> OrganizationView:
        """Let an organization go on where it was disabled. Needs the operator's `installation:write`."""
        return organization_view(unwrap(await services.organizations.enable(request.auth, organization_id)))
