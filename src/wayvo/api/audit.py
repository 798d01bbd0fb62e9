"""``/v1/audit-events``."""

from typing import Annotated

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from wayvo.api.refusals import unwrap
from wayvo.api.schemas.audit import AuditEventView, event_view
from wayvo.api.schemas.fields import Cursor, Instant, Limit, List, moment, to_list
from wayvo.api.strict_request import StrictRequest
from wayvo.core.paging import DEFAULT_PAGE
from wayvo.services.directory import Services
from wayvo.services.lists import Paging
from wayvo.store.audit import AuditFilter


class AuditEventsController(Controller):
    """List and show what has happened in the caller's organization."""

    path = "/v1/audit-events"
    tags = ("Audit trail",)

    @get(summary="List audit events", operation_id="listAuditEvents")
    async def list(
        self,
        request: StrictRequest,
        services: NamedDependency[Services],
        *,
        action: Annotated[
            str | None, QueryParameter(max_length=64, description="Only this action, such as `api_key.create`.")
        ] = None,
        actor_id: Annotated[str | None, QueryParameter(max_length=64, description="Only what this one did.")] = None,
        target_id: Annotated[
            str | None, QueryParameter(max_length=64, description="Only what was done to this one.")
        ] = None,
        since: Annotated[Instant | None, QueryParameter(description="Only from this moment on.")] = None,
        until: Annotated[Instant | None, QueryParameter(description="Only before this moment.")] = None,
        limit: Limit = DEFAULT_PAGE,
        cursor: Cursor = None,
    ) -> List[AuditEventView]:
        """List the organization's audit events, the newest first. Needs `audit-events:read`."""
        wanted = AuditFilter(
            action=action,
            actor_id=actor_id,
            target_id=target_id,
            since=unwrap(moment("since", since)),
            until=unwrap(moment("until", until)),
        )
        return to_list(unwrap(await services.audit.list(request.auth, wanted, Paging(limit, cursor))), event_view)

    @get("/{audit_event_id:str}", summary="Show an audit event", operation_id="getAuditEvent")
    async def show(
        self, request: StrictRequest, services: NamedDependency[Services], audit_event_id: FromPath[str]
    ) -> AuditEventView:
        """Show one audit event. Needs `audit-events:read`."""
        return event_view(unwrap(await services.audit.get(request.auth, audit_event_id)))
