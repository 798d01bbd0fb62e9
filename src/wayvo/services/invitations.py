"""Invitations: invite somebody, look, withdraw. Accepting one is :mod:`wayvo.services.acceptance`."""

from typing import Final

import msgspec
from sqlalchemy import Connection

from wayvo.core.access.permissions import USERS_READ, USERS_WRITE
from wayvo.core.actor import Actor
from wayvo.core.audit import Happening
from wayvo.core.credentials.digest import Digester
from wayvo.core.errors import AlreadyMember, InvitationInvalid, NotFound, Problem, TooMany, invalid
from wayvo.core.invitations import KEPT_US, LIFETIME_US, MAX_OPEN, Invitation, IssuedInvitation
from wayvo.services.access import refuse_giving
from wayvo.services.authority import confirm
from wayvo.services.draw import Draw
from wayvo.services.lists import Lister, Listing, Paging
from wayvo.services.once import Once, Repeated, find_earlier, keep
from wayvo.services.users import NO_SUCH_ROLE
from wayvo.store import invitations, members, roles, users
from wayvo.store.database import Database, Transaction

_PRUNED: Final = 100
"""How many that ended long ago an invitation clears away."""


class Invite(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to invite, as what."""

    email: str
    role: str


class Invitations:
    """The invitations to the actor's organization."""

    def __init__(self, database: Database, lister: Lister, draw: Draw, digester: Digester) -> None:
        self._database = database
        self._lister = lister
        self._draw = draw
        self._digester = digester

    async def create(self, actor: Actor, command: Invite, once: Once | None) -> IssuedInvitation | Repeated | Problem:
        """Invite an address as what the actor may give. An open invitation of the same address is withdrawn."""
        if problem := actor.lacks(USERS_WRITE):
            return problem
        now = self._draw.clock()
        happening = self._draw.happening(actor, now)
        withdrawal = self._draw.happening(actor, now)
        issued = issue(
            self._draw,
            now,
            organization_id=actor.organization_id,
            email=command.email,
            role=command.role,
            created_by=actor.principal.id if actor.principal.type == "user" else actor.credential_id,
        )
        invitation, digest = issued.invitation, self._digester(issued.token.encode())

        def job(transaction: Transaction) -> IssuedInvitation | Repeated | Problem:
            connection = transaction.connection
            giver = confirm(connection, actor, USERS_WRITE)
            if isinstance(giver, Problem):
                return giver
            if earlier := find_earlier(connection, actor, once, now):
                return earlier
            if problem := _refuse(connection, giver, invitation):
                return problem
            replaced = invitations.open_for(connection, actor.organization_id, invitation.email, now)
            if replaced is None and invitations.count_open(connection, actor.organization_id, now) >= MAX_OPEN:
                return TooMany(f"At most {MAX_OPEN} invitations are open at once. Withdraw one.")
            if replaced is not None and (problem := _withdraw(transaction, giver, replaced, withdrawal)):
                return problem
            if earlier := keep(connection, actor, once, issued, now):
                return earlier
            invitations.prune(connection, actor.organization_id, now - KEPT_US, _PRUNED)
            invitations.insert(connection, invitation, digest)
            transaction.record(happening.event("invitation.create", "invitation", invitation.id, None, invitation))
            return issued

        return await self._database.write(job)

    async def get(self, actor: Actor, invitation_id: str) -> Invitation | Problem:
        """Return one invitation."""
        if problem := actor.lacks(USERS_READ):
            return problem
        invitation = await self._database.read(
            lambda connection: invitations.get(connection, actor.organization_id, invitation_id)
        )
        return invitation or _no_such_invitation()

    async def list(self, actor: Actor, paging: Paging) -> Listing[Invitation] | Problem:
        """Return a page of invitations, ended ones among them."""
        if problem := actor.lacks(USERS_READ):
            return problem
        return await self._lister.page(
            actor,
            paging,
            "invitations",
            None,
            lambda connection, after, limit: invitations.page(connection, actor.organization_id, after, limit),
        )

    async def withdraw(self, actor: Actor, invitation_id: str) -> Invitation | Problem:
        """End an open invitation; one that has ended stays as it is."""
        if problem := actor.lacks(USERS_WRITE):
            return problem
        now = self._draw.clock()
        happening = self._draw.happening(actor, now)

        def job(transaction: Transaction) -> Invitation | Problem:
            connection = transaction.connection
            giver = confirm(connection, actor, USERS_WRITE)
            if isinstance(giver, Problem):
                return giver
            invitation = invitations.get(connection, actor.organization_id, invitation_id)
            if invitation is None:
                return _no_such_invitation()
            if invitation.status(now) != "open":
                return invitation
            problem = _withdraw(transaction, giver, invitation, happening)
            return problem or invitations.get(connection, actor.organization_id, invitation_id) or invitation

        return await self._database.write(job)


def issue(draw: Draw, now_us: int, *, organization_id: str, email: str, role: str, created_by: str) -> IssuedInvitation:
    """Return a new invitation with its token, not stored yet."""
    invitation = Invitation(
        id=draw.new_id("inv", now_us),
        organization_id=organization_id,
        email=email.lower(),
        role=role,
        created_at=now_us,
        created_by=created_by,
        expires_at=now_us + LIFETIME_US,
    )
    return IssuedInvitation(invitation, draw.new_invitation_token())


def invitation_invalid() -> InvitationInvalid:
    """Return the one refusal of every token that opens nothing: it does not tell why."""
    return InvitationInvalid("The link is wrong, was used, was withdrawn or has expired. Ask for another one.")


def _no_such_invitation() -> NotFound:
    return NotFound("There is no such invitation in this organization.")


def _refuse(connection: Connection, giver: Actor, invitation: Invitation) -> Problem | None:
    role = roles.get(connection, giver.organization_id, invitation.role)
    if role is None:
        return invalid("role", NO_SUCH_ROLE)
    if problem := refuse_giving(connection, giver, role.access):
        return problem
    account = users.account_of(connection, invitation.email)
    if account is not None and members.role_of(connection, giver.organization_id, account.id) is not None:
        return AlreadyMember("Somebody with this address is a member. Change their role instead.")
    return None


def _withdraw(transaction: Transaction, giver: Actor, open_one: Invitation, happening: Happening) -> Problem | None:
    """Withdraw an invitation, unless it is for more than the actor holds."""
    connection = transaction.connection
    access = roles.access_of(connection, giver.organization_id, open_one.role)
    if problem := refuse_giving(connection, giver, access):
        return problem
    withdrawn = invitations.withdraw(connection, open_one.id, happening.at)
    transaction.record(happening.event("invitation.withdraw", "invitation", open_one.id, open_one, withdrawn))
    return None
