"""Organizations: every one for the operator's members, one's own for everybody else."""

from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection

from wayvo.core.access.permissions import (
    INSTALLATION_READ,
    INSTALLATION_WRITE,
    ORGANIZATIONS_READ,
    ORGANIZATIONS_WRITE,
)
from wayvo.core.access.roles import OWNER
from wayvo.core.actor import Actor
from wayvo.core.change import Change
from wayvo.core.credentials.digest import Digester
from wayvo.core.errors import InsufficientScope, NotFound, OperatorOrganization, Problem
from wayvo.core.invitations import IssuedInvitation
from wayvo.core.organizations import Organization, Project
from wayvo.services.authority import confirm
from wayvo.services.draw import Draw
from wayvo.services.invitations import issue
from wayvo.services.lists import Lister, Listing, Paging
from wayvo.services.once import Once, Repeated, find_earlier, keep
from wayvo.store import invitations, organizations, projects
from wayvo.store.database import Database, Transaction

_FIRST_PROJECT: Final = "Default"


class CreateOrganization(msgspec.Struct, frozen=True, kw_only=True):
    """An organization to make, and the address of who is to own it."""

    name: str
    owner_email: str


@dataclass(frozen=True, slots=True)
class Opening:
    """A new organization with its first project, and the invitation of its owner."""

    organization: Organization
    project: Project
    owner: IssuedInvitation


class Organizations:
    """The organizations that the actor sees."""

    def __init__(self, database: Database, lister: Lister, draw: Draw, digester: Digester) -> None:
        self._database = database
        self._lister = lister
        self._draw = draw
        self._digester = digester

    async def get(self, actor: Actor, organization_id: str) -> Organization | Problem:
        """Return one organization; to others than the operator, only their own is there."""
        if problem := _refuse_reading(actor):
            return problem

        def query(connection: Connection) -> Organization | Problem:
            if organization_id == actor.organization_id:
                own = organizations.get(connection, organization_id)
                return actor.lacks(ORGANIZATIONS_READ) or own or _no_such_organization()
            if _sees_all(connection, actor, INSTALLATION_READ):
                return organizations.get(connection, organization_id) or _no_such_organization()
            return _no_such_organization()

        return await self._database.read(query)

    async def list(self, actor: Actor, paging: Paging) -> Listing[Organization] | Problem:
        """Return a page of organizations: all of them to the operator, one's own to everybody else."""
        if problem := _refuse_reading(actor):
            return problem
        sees_all = await self._database.read(lambda connection: _sees_all(connection, actor, INSTALLATION_READ))
        if not sees_all and (problem := actor.lacks(ORGANIZATIONS_READ)):
            return problem
        only = None if sees_all else actor.organization_id
        return await self._lister.page(
            actor,
            paging,
            "organizations",
            only,
            lambda connection, after, limit: organizations.page(connection, only, after, limit),
        )

    async def create(
        self, actor: Actor, command: CreateOrganization, once: Once | None
    ) -> Opening | Repeated | Problem:
        """Make an organization with a project, and invite its owner."""
        if problem := actor.lacks(INSTALLATION_WRITE):
            return problem
        now = self._draw.clock()
        happening = self._draw.happening(actor, now)
        opening = open_organization(self._draw, now, command, actor.credential_id)

        def job(transaction: Transaction) -> Opening | Repeated | Problem:
            connection = transaction.connection
            if problem := _refuse_ruling(connection, actor):
                return problem
            if earlier := find_earlier(connection, actor, once, now) or keep(connection, actor, once, opening, now):
                return earlier
            store_opening(transaction, opening, self._digester)
            made = opening.organization
            transaction.record(happening.event("organization.create", "organization", made.id, None, made))
            return opening

        return await self._database.write(job)

    async def rename(self, actor: Actor, organization_id: str, name: str) -> Organization | Problem:
        """Give an organization another name: one's own, or any as the operator."""
        is_own = organization_id == actor.organization_id
        if actor.lacks(INSTALLATION_WRITE) and (problem := actor.lacks(ORGANIZATIONS_WRITE)):
            return problem
        now = self._draw.clock()
        happening = self._draw.happening(actor, now)

        def job(transaction: Transaction) -> Organization | Problem:
            connection = transaction.connection
            present = confirm(connection, actor, None)
            if isinstance(present, Problem):
                return present
            if not (is_own and present.lacks(ORGANIZATIONS_WRITE) is None) and not _sees_all(
                connection, present, INSTALLATION_WRITE
            ):
                return present.lacks(ORGANIZATIONS_WRITE) or _no_such_organization()
            organization = organizations.hold(connection, organization_id)
            if organization is None:
                return _no_such_organization()
            if organization.name == name:
                return organization
            renamed = replace(organization, name=name)
            organizations.update(connection, renamed)
            transaction.announce(Change("organization", organization_id, now))
            transaction.record(
                happening.event("organization.rename", "organization", organization_id, organization, renamed)
            )
            return renamed

        return await self._database.write(job)

    async def disable(self, actor: Actor, organization_id: str) -> Organization | Problem:
        """Deny an organization everything, at once and however many keys it has, until it is enabled again."""
        return await self._switch(actor, organization_id, is_disabled=True)

    async def enable(self, actor: Actor, organization_id: str) -> Organization | Problem:
        """Let an organization go on where it was disabled."""
        return await self._switch(actor, organization_id, is_disabled=False)

    async def _switch(self, actor: Actor, organization_id: str, *, is_disabled: bool) -> Organization | Problem:
        if problem := actor.lacks(INSTALLATION_WRITE):
            return problem
        now = self._draw.clock()
        happening = self._draw.happening(actor, now)

        def job(transaction: Transaction) -> Organization | Problem:
            if problem := _refuse_ruling(transaction.connection, actor):
                return problem
            before, after = switch(transaction, organization_id, now, is_disabled=is_disabled)
            if isinstance(after, Problem) or before is None:
                return after
            action = "organization.disable" if is_disabled else "organization.enable"
            transaction.record(happening.event(action, "organization", organization_id, before, after))
            return after

        return await self._database.write(job)


def open_organization(draw: Draw, now_us: int, command: CreateOrganization, created_by: str) -> Opening:
    """Return a new organization with a project and an invitation, not stored yet."""
    organization = Organization(id=draw.new_id("org", now_us), name=command.name, created_at=now_us)
    project = Project(
        id=draw.new_id("prj", now_us),
        organization_id=organization.id,
        name=_FIRST_PROJECT,
        description="The first project.",
        created_at=now_us,
    )
    owner = issue(
        draw,
        now_us,
        organization_id=organization.id,
        email=command.owner_email,
        role=OWNER.id,
        created_by=created_by,
    )
    return Opening(organization, project, owner)


def store_opening(transaction: Transaction, opening: Opening, digester: Digester) -> None:
    """Store a new organization with what it begins with."""
    connection = transaction.connection
    organizations.insert(connection, opening.organization)
    projects.insert(connection, opening.project)
    invitations.insert(connection, opening.owner.invitation, digester(opening.owner.token.encode()))
    transaction.announce(Change("organization", opening.organization.id, opening.organization.created_at))


def switch(
    transaction: Transaction, organization_id: str, now_us: int, *, is_disabled: bool
) -> tuple[Organization | None, Organization | Problem]:
    """Disable or enable an organization; return it as it was (``None`` if nothing changed) and as it is."""
    organization = organizations.hold(transaction.connection, organization_id)
    if organization is None:
        return None, _no_such_organization()
    if organization.is_operator:
        return None, OperatorOrganization("Nobody could enable it again.")
    if (organization.disabled_at is not None) == is_disabled:
        return None, organization
    switched = replace(organization, disabled_at=now_us if is_disabled else None)
    organizations.update(transaction.connection, switched)
    transaction.announce(Change("organization", organization_id, now_us))
    return organization, switched


def _no_such_organization() -> NotFound:
    return NotFound("There is no such organization that the credential can see.")


def _refuse_reading(actor: Actor) -> Problem | None:
    return actor.lacks(ORGANIZATIONS_READ) if actor.lacks(INSTALLATION_READ) else None


def _sees_all(connection: Connection, actor: Actor, permission: str) -> bool:
    """Say whether the actor holds a permission of the operator's: in another organization it is nobody's to hold."""
    if actor.lacks(permission):
        return False
    own = organizations.get(connection, actor.organization_id)
    return own is not None and own.is_operator


def _refuse_ruling(connection: Connection, actor: Actor) -> Problem | None:
    present = confirm(connection, actor, INSTALLATION_WRITE)
    if isinstance(present, Problem):
        return present
    if not _sees_all(connection, present, INSTALLATION_WRITE):
        return InsufficientScope(f"{INSTALLATION_WRITE} is for the operator's organization alone.")
    return None
