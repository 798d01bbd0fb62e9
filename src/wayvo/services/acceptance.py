"""Accepting an invitation: nobody is authenticated yet, the token is all that speaks for whoever comes.

A token that opens nothing costs one reading: no write, no hashing, no row. An address that has a user already is
theirs: an invitation sets no password for it, and asks for theirs, so that who invites an address does not become its
user.
"""

from collections import OrderedDict
from typing import Final

import msgspec
from sqlalchemy import Connection

from wayvo.core.actor import Origin
from wayvo.core.audit import AuditEvent, differences
from wayvo.core.change import Change
from wayvo.core.credentials.digest import Digester
from wayvo.core.errors import AlreadyMember, InvalidField, Overloaded, Problem, WrongPassword, invalid
from wayvo.core.invitations import Invitation, token_in
from wayvo.core.organizations import Organization, User
from wayvo.services.draw import Draw
from wayvo.services.guesses import PasswordGuesses
from wayvo.services.invitations import invitation_invalid
from wayvo.services.passwords import PasswordHashing
from wayvo.store import invitations, members, organizations, roles, users
from wayvo.store.database import Database, Transaction
from wayvo.store.users import Account

MAX_GUESSES: Final = 5
"""Wrong passwords that an invitation survives on one node."""
_REMEMBERED: Final = 10_000


class Accept(msgspec.Struct, frozen=True, kw_only=True):
    """A token, and who comes with it. ``name`` is for somebody who is no user yet."""

    token: str
    name: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        return "Accept(…)"


class Accepted(msgspec.Struct, frozen=True):
    """The membership that an invitation gave."""

    organization: Organization
    user: User


class Acceptance:
    """Takes invitations from whoever has the token."""

    def __init__(self, database: Database, draw: Draw, digester: Digester, hashing: PasswordHashing) -> None:
        self._database = database
        self._draw = draw
        self._digester = digester
        self._hashing = hashing
        self._guesses: OrderedDict[str, int] = OrderedDict()
        self._guesses_of_users = PasswordGuesses()

    async def accept(self, command: Accept, origin: Origin) -> Accepted | Problem:
        """Make whoever has the token a member, once."""
        now = self._draw.clock()
        digest = self._digester(token_in(command.token).encode())

        def query(connection: Connection) -> tuple[Invitation, Account | None] | None:
            invitation = _usable(connection, digest, now)
            return None if invitation is None else (invitation, users.account_of(connection, invitation.email))

        found = await self._database.read(query)
        if found is None:
            return invitation_invalid()
        invitation, account = found
        guessed_at = None if account is None or command.password is None else account.password_hash
        if guessed_at is not None and not self._guesses_of_users.take(guessed_at, now):
            # Right or wrong, it is not looked at: else the answer would tell.
            return WrongPassword("Too many wrong ones were given for this user. Try again tomorrow.")
        proved = await self._prove(invitation, account, command)
        if guessed_at is not None and not isinstance(proved, WrongPassword):
            self._guesses_of_users.give_back(guessed_at)
        if isinstance(proved, WrongPassword) and command.password is not None:
            return await self._count_guess(invitation, proved, origin)
        if isinstance(proved, Problem):
            return proved
        event_id, is_new = self._draw.new_id("evt", now), account is None

        def job(transaction: Transaction) -> Accepted | Problem:
            connection = transaction.connection
            organization = organizations.hold(connection, invitation.organization_id)
            if organization is None or _usable(connection, digest, now) is None:
                return invitation_invalid()
            if problem := _refuse(connection, invitation, proved, is_new=is_new):
                return problem
            if is_new and not users.add_account(connection, invitation.email, proved, now):
                return Overloaded("Somebody with this address has just become a user. Try again.")
            accepted = invitations.accept(connection, invitation.id, proved.id, now)
            if accepted is None or not members.insert(connection, organization.id, proved.id, invitation.role, now):
                return invitation_invalid()
            user = users.get(connection, organization.id, proved.id)
            if user is None:
                return invitation_invalid()
            transaction.announce(Change("member", proved.id, now))
            transaction.record(_event(event_id, now, "invitation.accept", invitation, accepted, origin))
            return Accepted(organization, user)

        return await self._database.write(job)

    async def _prove(self, invitation: Invitation, account: Account | None, command: Accept) -> Account | Problem:
        """Return the user that the token is used by: a new one, or the one of the address if it is them."""
        if account is None:
            password_hash = None if command.password is None else await self._hashing.hash(command.password)
            if isinstance(password_hash, Problem):
                return password_hash
            name = command.name or invitation.email.partition("@")[0]
            return Account(self._draw.new_id("usr", self._draw.clock()), name[:100], password_hash)
        if account.password_hash is None:
            return _refuse_password() if command.password is not None else account
        is_theirs = command.password is not None and await self._hashing.check(command.password, account.password_hash)
        if isinstance(is_theirs, Problem):
            return is_theirs
        return account if is_theirs else WrongPassword("The address has a user already: give that user's password.")

    async def _count_guess(self, invitation: Invitation, refusal: WrongPassword, origin: Origin) -> Problem:
        """End an invitation that passwords are guessed with. Only invitations that exist are remembered."""
        guesses = self._guesses.pop(invitation.id, 0) + 1
        if guesses < MAX_GUESSES:
            self._guesses[invitation.id] = guesses
            if len(self._guesses) > _REMEMBERED:
                self._guesses.popitem(last=False)
            return refusal
        now = self._draw.clock()
        event_id = self._draw.new_id("evt", now)

        def job(transaction: Transaction) -> None:
            organizations.hold(transaction.connection, invitation.organization_id)
            withdrawn = invitations.withdraw(transaction.connection, invitation.id, now)
            if withdrawn is not None:
                transaction.record(_event(event_id, now, "invitation.withdraw", invitation, withdrawn, origin))

        await self._database.write(job)
        return WrongPassword(f"{refusal.detail} After {MAX_GUESSES} wrong ones the invitation has ended.")


def _usable(connection: Connection, digest: bytes, now_us: int) -> Invitation | None:
    """Return the invitation that a token opens now, if what it leads to is still there."""
    invitation = invitations.by_digest(connection, digest)
    if invitation is None or invitation.status(now_us) != "open":
        return None
    organization = organizations.get(connection, invitation.organization_id)
    if organization is None or organization.disabled_at is not None:
        return None
    return invitation if roles.get(connection, organization.id, invitation.role) is not None else None


def _refuse(connection: Connection, invitation: Invitation, proved: Account, *, is_new: bool) -> Problem | None:
    if is_new:
        return None
    account = users.account_of(connection, invitation.email)
    if account is None or account.password_hash != proved.password_hash:
        return Overloaded("The user has just changed. Try again.")
    if members.role_of(connection, invitation.organization_id, account.id) is not None:
        return AlreadyMember("This user is a member of the organization already.")
    return None


def _refuse_password() -> InvalidField:
    return invalid(
        "password", "the address has a user without a password already, and an invitation sets none: leave it out"
    )


def _event(
    event_id: str, now_us: int, action: str, before: Invitation, after: Invitation, origin: Origin
) -> AuditEvent:
    old, new = differences(before, after)
    return AuditEvent(
        id=event_id,
        organization_id=before.organization_id,
        at=now_us,
        actor_type="invitation",
        actor_id=before.id,
        credential_id=None,
        address=origin.address,
        request_id=origin.request_id,
        action=action,
        target_type="invitation",
        target_id=before.id,
        before=old,
        after=new,
    )
