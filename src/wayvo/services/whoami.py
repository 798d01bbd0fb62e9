"""Who am I: what a credential can learn of itself, whatever it holds."""

from dataclasses import dataclass

from sqlalchemy import Connection

from wayvo.core.actor import Actor
from wayvo.core.credentials.api_key import ApiKey
from wayvo.core.errors import NotFound, Problem
from wayvo.core.organizations import Organization, Project
from wayvo.store import api_keys, organizations, projects
from wayvo.store.database import Database


@dataclass(frozen=True, slots=True)
class Identity:
    """The credential, and what it belongs to."""

    key: ApiKey
    organization: Organization
    project: Project


class Whoami:
    """Tells an actor about itself."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def identify(self, actor: Actor) -> Identity | Problem:
        """Return the actor's credential with its project and organization. Needs no permission."""

        def query(connection: Connection) -> Identity | Problem:
            key = api_keys.get(connection, actor.organization_id, actor.credential_id)
            organization = organizations.get(connection, actor.organization_id)
            project = projects.get(connection, actor.organization_id, actor.project_id)
            if key is None or organization is None or project is None:
                return NotFound("The credential is gone.")
            return Identity(key, organization, project)

        return await self._database.read(query)
