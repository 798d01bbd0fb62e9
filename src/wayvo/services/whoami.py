"""Who am I: what a credential can learn of itself, whatever it holds."""

from dataclasses import dataclass

from sqlalchemy import Connection

from wayvo.core.actor import Actor
from wayvo.core.credentials.api_key import ApiKey
from wayvo.core.errors import NotFound, Problem
from wayvo.core.organizations import Organization, Project, User
from wayvo.store import api_keys, held_roles, organizations, projects, users
from wayvo.store.database import Database


@dataclass(frozen=True, slots=True)
class BoundTo:
    """The user that a credential is bound to, and the role held in the credential's project, if any."""

    user: User
    project_role: str | None


@dataclass(frozen=True, slots=True)
class Identity:
    """The credential, what it belongs to, and whom it is bound to. ``actor`` says what it holds now."""

    actor: Actor
    key: ApiKey
    organization: Organization
    project: Project
    bound_to: BoundTo | None


class Whoami:
    """Tells an actor about itself."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def identify(self, actor: Actor) -> Identity | Problem:
        """Return the actor's credential with its project, organization and user. Needs no permission."""

        def query(connection: Connection) -> Identity | Problem:
            key = api_keys.get(connection, actor.organization_id, actor.credential_id)
            organization = organizations.get(connection, actor.organization_id)
            project = projects.get(connection, actor.organization_id, actor.project_id)
            if key is None or organization is None or project is None:
                return NotFound("The credential is gone.")
            bound_to = _bound_to(connection, key)
            if key.user_id is not None and bound_to is None:
                return NotFound("Whom the credential spoke for is gone.")
            return Identity(actor, key, organization, project, bound_to)

        return await self._database.read(query)


def _bound_to(connection: Connection, key: ApiKey) -> BoundTo | None:
    if key.user_id is None:
        return None
    user = users.get(connection, key.organization_id, key.user_id)
    member = held_roles.of(connection, key.organization_id, key.user_id, key.project_id)
    return None if user is None or member is None else BoundTo(user, member.project_role)
