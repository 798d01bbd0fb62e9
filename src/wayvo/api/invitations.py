"""``/v1/invitations``."""

from collections.abc import Callable
from typing import Final

from litestar import Controller, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from wayvo.api.authentication import PUBLIC
from wayvo.api.creations import REPLAY_HEADERS, answer_creation, read_once
from wayvo.api.refusals import unwrap
from wayvo.api.schemas.fields import Cursor, IdempotencyKey, Limit, List, to_list
from wayvo.api.schemas.members import (
    AcceptedView,
    AcceptInvitationBody,
    InvitationView,
    InviteBody,
    IssuedInvitationView,
    accepted_view,
    invitation_view,
    issued_invitation_view,
)
from wayvo.api.strict_request import StrictRequest
from wayvo.core.actor import Origin
from wayvo.core.invitations import IssuedInvitation
from wayvo.core.paging import DEFAULT_PAGE
from wayvo.services.directory import Services
from wayvo.services.lists import Paging

_SHOWN_ONCE: Final = ("token", "url")


class InvitationsController(Controller):
    """Invite people, list, show and withdraw invitations; accept one."""

    path = "/v1/invitations"
    tags = ("Invitations",)

    @post(summary="Invite somebody", operation_id="createInvitation", response_headers=REPLAY_HEADERS)
    async def create(
        self,
        request: StrictRequest,
        services: NamedDependency[Services],
        public_url: NamedDependency[str],
        data: JSONBody[InviteBody],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[IssuedInvitationView]:
        """Make a link that makes whoever opens it a member, once, within seven days.

        Wayvo sends no mail: the link is in this answer and nowhere else. An open invitation of the same address ends.
        The calling credential must hold what the role allows. Needs `users:write`.
        """
        show: Callable[[IssuedInvitation], IssuedInvitationView] = lambda issued: issued_invitation_view(  # noqa: E731
            issued, services.clock(), public_url
        )
        once = await read_once(request, idempotency_key, show, without=_SHOWN_ONCE)
        return answer_creation(await services.invitations.create(request.auth, data.to_command(), once), show)

    @get(summary="List invitations", operation_id="listInvitations")
    async def list(
        self,
        request: StrictRequest,
        services: NamedDependency[Services],
        limit: Limit = DEFAULT_PAGE,
        cursor: Cursor = None,
    ) -> List[InvitationView]:
        """List the organization's invitations, the newest first; ended ones for 90 days. Needs `users:read`."""
        listing = unwrap(await services.invitations.list(request.auth, Paging(limit, cursor)))
        now = services.clock()
        return to_list(listing, lambda invitation: invitation_view(invitation, now))

    @get("/{invitation_id:str}", summary="Show an invitation", operation_id="getInvitation")
    async def show(
        self, request: StrictRequest, services: NamedDependency[Services], invitation_id: FromPath[str]
    ) -> InvitationView:
        """Show one invitation. Needs `users:read`."""
        invitation = unwrap(await services.invitations.get(request.auth, invitation_id))
        return invitation_view(invitation, services.clock())

    @delete(
        "/{invitation_id:str}", summary="Withdraw an invitation", operation_id="withdrawInvitation", status_code=200
    )
    async def withdraw(
        self, request: StrictRequest, services: NamedDependency[Services], invitation_id: FromPath[str]
    ) -> InvitationView:
        """End an open invitation; one that has ended stays as it is. Needs `users:write`."""
        invitation = unwrap(await services.invitations.withdraw(request.auth, invitation_id))
        return invitation_view(invitation, services.clock())

    @post(
        "/accept",
        summary="Accept an invitation",
        operation_id="acceptInvitation",
        status_code=200,
        opt={PUBLIC: True},
    )
    async def accept(
        self,
        services: NamedDependency[Services],
        origin: NamedDependency[Origin],
        data: JSONBody[AcceptInvitationBody],
    ) -> AcceptedView:
        """Become a member. Needs no credential but the link, which works once.

        An address without a user gets one, with the password given. An address that has a user with a password must
        prove it.
        """
        return accepted_view(unwrap(await services.acceptance.accept(data.to_command(), origin)))
