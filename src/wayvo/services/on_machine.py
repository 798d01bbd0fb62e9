"""What whoever commands the server's own machine may do: who reads database and root secret needs no permission.

It stands in the trail of the operator's organization all the same.
"""

from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy import Connection

from wayvo.core.actor import SystemActor
from wayvo.core.audit import Happening
from wayvo.core.change import Change
from wayvo.core.credentials.api_key import Issued
from wayvo.core.credentials.digest import Digester
from wayvo.core.credentials.format import Mode
from wayvo.core.errors import Problem
from wayvo.core.organizations import Organization
from wayvo.services.draw import Draw
from wayvo.services.operator_key import everything_key
from wayvo.services.organizations import CreateOrganization, Opening, open_organization, store_opening, switch
from wayvo.store import api_keys, members, organizations, users
from wayvo.store.database import Database, Transaction

ACTOR: Final[Literal["cli"]] = "cli"
"""Who does all this: the machine's own logs know which person it was."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A new organization, with a key that holds everything on Wayvo's own API if one was wanted."""

    opening: Opening
    issued: Issued | None


@dataclass(frozen=True, slots=True)
class OnMachine:
    """The installation that the commands work on."""

    database: Database
    draw: Draw
    digester: Digester

    async def create_organization(self, command: CreateOrganization, key_name: str | None) -> Opened | None:
        """Make an organization; ``None`` if the installation has not been founded yet."""
        now = self.draw.clock()
        opening = open_organization(self.draw, now, command, ACTOR)
        issued = None
        if key_name is not None:
            secret = self.draw.new_secret(Mode.LIVE)
            issued = everything_key(self.draw, now, opening.project, secret, key_name)
        event_ids = [self.draw.new_id("evt", now) for _ in range(2)]

        def job(transaction: Transaction) -> Opened | None:
            connection = transaction.connection
            operator = organizations.operator(connection)
            if operator is None:
                return None
            store_opening(transaction, opening, self.digester)
            if issued is not None:
                digest = self.digester(issued.secret.encode())
                api_keys.insert(connection, issued.key, digest, self.digester.fingerprint)
                transaction.announce(Change("credential", digest.hex(), now))
                theirs = Happening(event_ids[1], now, SystemActor(ACTOR, opening.organization.id))
                transaction.record(theirs.event("api_key.create", "api_key", issued.key.id, None, issued.key))
            made = opening.organization
            happening = Happening(event_ids[0], now, SystemActor(ACTOR, operator.id))
            transaction.record(happening.event("organization.create", "organization", made.id, None, made))
            return Opened(opening, issued)

        return await self.database.write(job)

    async def list_organizations(self) -> tuple[Organization, ...]:
        """Return all organizations, the newest first."""

        def query(connection: Connection) -> tuple[Organization, ...]:
            found: list[Organization] = []
            page = organizations.page(connection, None, None, 1000)
            found += page.rows
            while page.next is not None:
                page = organizations.page(connection, None, page.next, 1000)
                found += page.rows
            return tuple(found)

        return await self.database.read(query)

    async def switch_organization(self, organization_id: str, *, is_disabled: bool) -> Organization | Problem:
        """Disable or enable an organization."""
        now = self.draw.clock()
        event_id = self.draw.new_id("evt", now)
        action = "organization.disable" if is_disabled else "organization.enable"

        def job(transaction: Transaction) -> Organization | Problem:
            before, after = switch(transaction, organization_id, now, is_disabled=is_disabled)
            operator = organizations.operator(transaction.connection)
            if before is not None and operator is not None and isinstance(after, Organization):
                happening = Happening(event_id, now, SystemActor(ACTOR, operator.id))
                transaction.record(happening.event(action, "organization", organization_id, before, after))
            return after

        return await self.database.write(job)

    async def reset_password(self, email: str, password_hash: str) -> str | None:
        """Give a user another password; return the user's id, ``None`` if the address has no user."""
        now = self.draw.clock()
        event_id = self.draw.new_id("evt", now)

        def job(transaction: Transaction) -> str | None:
            connection = transaction.connection
            account, operator = users.account_of(connection, email.lower()), organizations.operator(connection)
            if account is None or operator is None:
                return None
            users.set_password(connection, account.id, password_hash)
            if members.organizations_of(connection, account.id):
                transaction.announce(Change("member", account.id, now))
            happening = Happening(event_id, now, SystemActor(ACTOR, operator.id))
            transaction.record(happening.event("user.reset_password", "user", account.id))
            return account.id

        return await self.database.write(job)
