"""Users: the members of the actor's organization, their roles, and how they leave."""

from typing import Final

from msgspec.structs import replace

from wayvo.core.access.permissions import USERS_READ, USERS_WRITE
from wayvo.core.access.roles import OWNER
from wayvo.core.actor import Actor
from wayvo.core.change import Change
from wayvo.core.errors import LastOwner, NotFound, Problem, invalid
from wayvo.core.organizations import User
from wayvo.services.access import refuse_giving
from wayvo.services.authority import confirm, held_by
from wayvo.services.draw import Draw
from wayvo.services.lists import Lister, Listing, Paging
from wayvo.store import members, project_members, roles, users
from wayvo.store.database import Database, Transaction

NO_SUCH_ROLE: Final = "is neither a built-in role nor the id of a role of this organization"


class Users:
    """The members of the actor's organization."""

    def __init__(self, database: Database, lister: Lister, draw: Draw) -> None:
        self._database = database
        self._lister = lister
        self._draw = draw

    async def get(self, actor: Actor, user_id: str) -> User | Problem:
        """Return one member."""
        if problem := actor.lacks(USERS_READ):
            return problem
        user = await self._database.read(lambda connection: users.get(connection, actor.organization_id, user_id))
        return user or no_such_user()

    async def list(self, actor: Actor, paging: Paging) -> Listing[User] | Problem:
        """Return a page of members."""
        if problem := actor.lacks(USERS_READ):
            return problem
        return await self._lister.page(
            actor,
            paging,
            "users",
            None,
            lambda connection, after, limit: users.page(connection, actor.organization_id, after, limit),
        )

    async def change_role(self, actor: Actor, user_id: str, role_id: str) -> User | Problem:
        """Give a member another role. The actor must hold what the member held and what the role allows."""
        if problem := actor.lacks(USERS_WRITE):
            return problem
        now = self._draw.clock()
        happening = self._draw.happening(actor, now)

        def job(transaction: Transaction) -> User | Problem:
            connection = transaction.connection
            giver = confirm(connection, actor, USERS_WRITE)
            if isinstance(giver, Problem):
                return giver
            user = users.get(connection, actor.organization_id, user_id)
            if user is None:
                return no_such_user()
            role = roles.get(connection, actor.organization_id, role_id)
            if role is None:
                return invalid("role", NO_SUCH_ROLE)
            present = held_by(connection, actor.organization_id, user_id, user.role)
            if problem := refuse_giving(connection, giver, present) or refuse_giving(connection, giver, role.access):
                return problem
            if role.id == user.role:
                return user
            if _is_last_owner(transaction, actor, user):
                return LastOwner("This is the organization's last owner. Make another one first.")
            members.set_role(connection, actor.organization_id, user_id, role.id)
            changed = replace(user, role=role.id, role_name=None if role.is_built_in else role.name)
            transaction.announce(Change("member", user_id, now))
            transaction.record(happening.event("member.change_role", "user", user_id, user, changed))
            return changed

        return await self._database.write(job)

    async def remove(self, actor: Actor, user_id: str) -> User | Problem:
        """End a membership, and those in the organization's projects with it. Everybody may leave by themselves."""
        is_leaving = actor.principal.type == "user" and actor.principal.id == user_id
        needed = None if is_leaving else USERS_WRITE
        if needed is not None and (problem := actor.lacks(needed)):
            return problem
        now = self._draw.clock()
        happening = self._draw.happening(actor, now)
        action = "member.leave" if is_leaving else "member.remove"

        def job(transaction: Transaction) -> User | Problem:
            connection = transaction.connection
            giver = confirm(connection, actor, needed)
            if isinstance(giver, Problem):
                return giver
            user = users.get(connection, actor.organization_id, user_id)
            if user is None:
                return no_such_user()
            present = held_by(connection, actor.organization_id, user_id, user.role)
            if not is_leaving and (problem := refuse_giving(connection, giver, present)):
                return problem
            if _is_last_owner(transaction, actor, user):
                return LastOwner("This is the organization's last owner. Make another one first.")
            project_members.delete_all(connection, actor.organization_id, user_id)
            members.delete(connection, actor.organization_id, user_id)
            transaction.announce(Change("member", user_id, now))
            transaction.record(happening.event(action, "user", user_id, user, None))
            return user

        return await self._database.write(job)


def no_such_user() -> NotFound:
    """Return the refusal of somebody who is no member of the organization."""
    return NotFound("There is no such user in this organization.")


def _is_last_owner(transaction: Transaction, actor: Actor, user: User) -> bool:
    if user.role != OWNER.id:
        return False
    return not members.has_another(transaction.connection, actor.organization_id, OWNER.id, user.id)
