"""Users: the members of the actor's organization."""

from wayvo.core.access.permissions import USERS_READ
from wayvo.core.actor import Actor
from wayvo.core.errors import NotFound, Problem
from wayvo.core.organizations import User
from wayvo.services.lists import Lister, Listing, Paging
from wayvo.store import users
from wayvo.store.database import Database


class Users:
    """The members of the actor's organization."""

    def __init__(self, database: Database, lister: Lister) -> None:
        self._database = database
        self._lister = lister

    async def get(self, actor: Actor, user_id: str) -> User | Problem:
        """Return one member."""
        if problem := actor.lacks(USERS_READ):
            return problem
        user = await self._database.read(lambda connection: users.get(connection, actor.organization_id, user_id))
        return user or NotFound("There is no such user in this organization.")

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
