"""The audit trail, for those of the organization who may see it."""

from wayvo.core.access.permissions import AUDIT_READ
from wayvo.core.actor import Actor
from wayvo.core.audit import AuditEvent
from wayvo.core.errors import NotFound, Problem
from wayvo.services.lists import Lister, Listing, Paging
from wayvo.store import audit
from wayvo.store.audit import AuditFilter
from wayvo.store.database import Database

Chained = tuple[AuditEvent, int | None]
"""An event and its place in the organization's chain, ``None`` for the second until it has one."""


class AuditTrail:
    """What has happened in the actor's organization."""

    def __init__(self, database: Database, lister: Lister) -> None:
        self._database = database
        self._lister = lister

    async def get(self, actor: Actor, event_id: str) -> Chained | Problem:
        """Return one event."""
        if problem := actor.lacks(AUDIT_READ):
            return problem
        found = await self._database.read(lambda connection: audit.get(connection, actor.organization_id, event_id))
        return found or NotFound("There is no such audit event in this organization.")

    async def list(self, actor: Actor, wanted: AuditFilter, paging: Paging) -> Listing[Chained] | Problem:
        """Return a page of the events that ``wanted`` describes."""
        if problem := actor.lacks(AUDIT_READ):
            return problem
        return await self._lister.page(
            actor,
            paging,
            "audit-events",
            wanted,
            lambda connection, after, limit: audit.page(connection, actor.organization_id, wanted, after, limit),
        )
