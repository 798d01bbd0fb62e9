"""Members who act: no key speaks for a user here, so their requests are handed to the services themselves."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

from tests.harness.server import RunningServer
from wayvo.core.access.grants import Access, effective_scopes
from wayvo.core.access.permissions import OWN_AUDIENCE, PERMISSIONS
from wayvo.core.access.roles import BUILT_IN
from wayvo.core.actor import Actor, Held, Principal
from wayvo.core.audit_chain import FIELDS
from wayvo.core.paging import Cursors
from wayvo.installation import Installation
from wayvo.services.bootstrap import Founded
from wayvo.services.invitations import Invitations
from wayvo.services.lists import Lister
from wayvo.services.organizations import Organizations
from wayvo.services.project_members import ProjectMembers
from wayvo.services.projects import Projects
from wayvo.services.roles import Roles
from wayvo.services.users import Users
from wayvo.store.database import Database, Job, Query, Transaction

T = TypeVar("T")

_DECLARED = frozenset(permission.name for permission in PERMISSIONS)


def held(access: Access) -> Held:
    """Return what is held with this access."""
    patterns = access.get(OWN_AUDIENCE, ())
    return Held(effective_scopes(patterns, _DECLARED, owns_api=True), access)


class Recorded:
    """A database that also keeps the audit events, as they are stored, of each job that was committed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.events: list[dict[str, Any]] = []

    async def write(self, job: Job[T]) -> T:
        """Run a job."""

        def watched(transaction: Transaction) -> tuple[T, list[dict[str, Any]]]:
            before = len(transaction.events)
            result = job(transaction)
            return result, [dict(zip(FIELDS, event, strict=True)) for event in transaction.events[before:]]

        result, events = await self._database.write(watched)
        self.events += events
        return result

    async def read(self, query: Query[T]) -> T:
        """Run a query."""
        return await self._database.read(query)


class Acting:
    """The services of a server, for members of the operator's organization."""

    def __init__(self, server: RunningServer, founded: Founded | None = None) -> None:
        """``founded``: what another node founded."""
        self.server = server
        self.founded = server.founded if founded is None else founded
        assert self.founded is not None
        self.organization_id = self.founded.organization.id
        self.project_id = self.founded.project.id
        self.owner_id = self.founded.owner.id
        installation: Installation = server.installation
        database = Recorded(installation.database)
        self.recorded = database.events
        parts = (database, Lister(database, Cursors(bytes(32))), installation.draw)
        self.users = Users(*parts)
        self.roles = Roles(*parts)
        self.projects = Projects(*parts)
        self.project_members = ProjectMembers(*parts)
        self.invitations = Invitations(*parts, installation.digester)
        self.organizations = Organizations(*parts, installation.digester)

    def member(
        self, user_id: str, role: str | Access = "viewer", in_projects: Mapping[str, Access] | None = None
    ) -> Actor:
        """Return a member as authenticated while they held ``role``: a built-in one, or what a custom one allows."""
        everywhere = held(BUILT_IN[role].access if isinstance(role, str) else role)
        return Actor(
            principal=Principal("user", user_id),
            credential_id="key_of_the_user",
            organization_id=self.organization_id,
            project_id=self.project_id,
            scopes=everywhere.scopes,
            access=everywhere.access,
            in_projects={project_id: held(access) for project_id, access in (in_projects or {}).items()},
        )

    def begin(self, step: Any) -> Future[Any]:
        """Begin a service's call."""

        async def run(_: Installation) -> Any:
            return await step

        return self.server.begin(run)

    def do(self, step: Any) -> Any:
        """Return what a service's call gives."""
        return self.begin(step).result(60)

    def at_once(self, *steps: Any) -> list[Any]:
        """Return what several calls give that are made at the same moment."""

        async def run(_: Installation) -> list[Any]:
            return await asyncio.gather(*steps)

        return self.server.call(run)
