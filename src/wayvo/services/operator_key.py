"""A key that holds everything on Wayvo's own API, for who commands the server's own machine.

Whoever can read the database and the root secret needs no permission of Wayvo's: this is how an operator comes by a
first key of their own, or by another when the last one is lost.
"""

from wayvo.core.access.permissions import OWN_AUDIENCE
from wayvo.core.access.scopes import EVERYTHING
from wayvo.core.actor import SystemActor
from wayvo.core.audit import Happening
from wayvo.core.change import Change
from wayvo.core.credentials.api_key import ApiKey, Issued
from wayvo.core.credentials.digest import Digester
from wayvo.core.credentials.format import Mode, key_prefix, last_four
from wayvo.core.organizations import Project
from wayvo.services.draw import Draw
from wayvo.store import api_keys, apis, projects
from wayvo.store.database import Database, Transaction


async def issue_operator_key(database: Database, draw: Draw, digester: Digester, name: str) -> Issued | None:
    """Make the key in the operator's oldest open project; ``None`` if the installation has not been founded yet."""
    now = draw.clock()
    secret = draw.new_secret(Mode.LIVE)
    key_id, project_id = draw.new_id("key", now), draw.new_id("prj", now)
    digest = digester(secret.encode())
    key_event, project_event = draw.new_id("evt", now), draw.new_id("evt", now)

    def job(transaction: Transaction) -> Issued | None:
        connection = transaction.connection
        operator_id = apis.owner_of(connection, OWN_AUDIENCE)
        if operator_id is None:
            return None
        project = projects.oldest_open(connection, operator_id)
        if project is None:
            project = Project(
                id=project_id,
                organization_id=operator_id,
                name="Operations",
                description="Made for an operator's key when no other project was open.",
                created_at=now,
            )
            projects.insert(connection, project)
            happening = Happening(project_event, now, SystemActor("cli", operator_id))
            transaction.record(happening.event("project.create", "project", project.id, None, project))
            transaction.announce(Change("project", project.id, now))
        issued = everything_key(draw, now, project, secret, name, key_id)
        api_keys.insert(connection, issued.key, digest, digester.fingerprint)
        happening = Happening(key_event, now, SystemActor("cli", operator_id))
        transaction.record(happening.event("api_key.create", "api_key", key_id, None, issued.key))
        transaction.announce(Change("credential", digest.hex(), now))
        return issued

    return await database.write(job)


def everything_key(
    draw: Draw, now_us: int, project: Project, secret: str, name: str, key_id: str | None = None
) -> Issued:
    """Return a key that holds everything on Wayvo's own API, not stored yet; a job draws no ``key_id`` itself."""
    key = ApiKey(
        id=key_id or draw.new_id("key", now_us),
        organization_id=project.organization_id,
        project_id=project.id,
        name=name,
        description="Made on the server's own machine.",
        mode=Mode.LIVE,
        access={OWN_AUDIENCE: (EVERYTHING,)},
        allowed_networks=(),
        metadata={},
        prefix=key_prefix(draw.brand, Mode.LIVE),
        last_four=last_four(secret),
        created_at=now_us,
        created_by=None,
    )
    return Issued(key, secret)
