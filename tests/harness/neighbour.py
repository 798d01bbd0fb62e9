"""A second organization on the same installation, moved in through the store, with a key at hand."""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.harness.server import RunningServer
from wayvo.core.access.permissions import OWN_AUDIENCE
from wayvo.core.credentials.api_key import ApiKey
from wayvo.core.credentials.format import Mode, key_prefix, last_four
from wayvo.core.organizations import Organization, Project, User
from wayvo.installation import Installation
from wayvo.store import api_keys, organizations, projects, users
from wayvo.store.database import Transaction


@dataclass(frozen=True, slots=True)
class Neighbour:
    """The ids of what the other organization has, and its key's secret."""

    organization_id: str
    user_id: str
    project_id: str
    api_key_id: str
    secret: str


def move_in(server: RunningServer, access: Mapping[str, tuple[str, ...]] | None = None) -> Neighbour:
    """Found an organization with a user, a project and a key that holds ``access`` (all of Wayvo's own API)."""

    async def step(installation: Installation) -> Neighbour:
        draw = installation.draw
        now = draw.clock()
        secret = draw.new_secret(Mode.LIVE)
        moved = Neighbour(
            organization_id=draw.new_id("org", now),
            user_id=draw.new_id("usr", now),
            project_id=draw.new_id("prj", now),
            api_key_id=draw.new_id("key", now),
            secret=secret,
        )
        key = ApiKey(
            id=moved.api_key_id,
            organization_id=moved.organization_id,
            project_id=moved.project_id,
            name="Next door",
            description="",
            mode=Mode.LIVE,
            access=access or {OWN_AUDIENCE: ("*",)},
            allowed_networks=(),
            metadata={},
            prefix=key_prefix(draw.brand, Mode.LIVE),
            last_four=last_four(secret),
            created_at=now,
            created_by=moved.user_id,
        )

        def job(transaction: Transaction) -> None:
            connection = transaction.connection
            organizations.insert(connection, Organization(id=moved.organization_id, name="Umbrella", created_at=now))
            user = User(
                id=moved.user_id,
                email=f"{moved.user_id}@umbrella.example",
                name="Nell",
                role="owner",
                created_at=now,
            )
            users.insert(connection, moved.organization_id, user, None)
            project = Project(
                id=moved.project_id,
                organization_id=moved.organization_id,
                name="Theirs",
                description="",
                created_at=now,
            )
            projects.insert(connection, project)
            digest = installation.digester(secret.encode())
            api_keys.insert(connection, key, digest, installation.digester.fingerprint)

        await installation.database.write(job)
        return moved

    return server.call(step)
