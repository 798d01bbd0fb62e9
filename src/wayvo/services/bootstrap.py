"""The first organization of an installation: the operator's, with its owner, a project and a key."""

from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec.structs import replace

from wayvo.core.access.permissions import OWN_AUDIENCE, PERMISSIONS
from wayvo.core.actor import SystemActor
from wayvo.core.audit import Happening
from wayvo.core.change import Change
from wayvo.core.credentials.api_key import ApiKey, Issued
from wayvo.core.credentials.digest import Digester
from wayvo.core.credentials.format import Mode, key_prefix, last_four
from wayvo.core.organizations import Api, ApiScope, Organization, Project, User
from wayvo.services.draw import Draw
from wayvo.store import api_keys, apis, installation, organizations, projects, users
from wayvo.store.database import Database, Transaction

OWN_SCOPES: Final = tuple(ApiScope(permission.name, permission.description) for permission in PERMISSIONS)


@dataclass(frozen=True, slots=True)
class Founding:
    """Whom to found the installation for, and what its first key holds on Wayvo's own API."""

    organization_name: str
    owner_email: str
    password_hash: str | None
    key_name: str
    scopes: tuple[str, ...]


class _FirstThings(msgspec.Struct, frozen=True):
    """What the audit trail says of a founding: neither the password's hash nor the key's secret."""

    organization: Organization
    owner: User
    project: Project
    api_key: ApiKey


@dataclass(frozen=True, slots=True)
class Founded:
    """What the founding made."""

    organization: Organization
    owner: User
    project: Project
    issued: Issued


async def found(database: Database, draw: Draw, digester: Digester, founding: Founding) -> Founded | None:
    """Found an empty installation; return ``None``, and change nothing, if it is founded already."""
    now = draw.clock()
    organization = Organization(
        id=draw.new_id("org", now), name=founding.organization_name, created_at=now, is_operator=True
    )
    owner = User(
        id=draw.new_id("usr", now),
        email=founding.owner_email.lower(),
        name=founding.owner_email.partition("@")[0],
        role="owner",
        created_at=now,
    )
    project = Project(
        id=draw.new_id("prj", now),
        organization_id=organization.id,
        name="Default",
        description="The first project.",
        created_at=now,
    )
    api = Api(
        id=draw.new_id("api", now),
        organization_id=organization.id,
        audience=OWN_AUDIENCE,
        name="Wayvo",
        description="Wayvo's own management API.",
        scopes=OWN_SCOPES,
        visibility="installation",
        built_in=True,
        created_at=now,
    )
    secret = draw.new_secret(Mode.LIVE)
    key = ApiKey(
        id=draw.new_id("key", now),
        organization_id=organization.id,
        project_id=project.id,
        name=founding.key_name,
        description="",
        mode=Mode.LIVE,
        access={OWN_AUDIENCE: tuple(sorted(founding.scopes))},
        allowed_networks=(),
        metadata={},
        prefix=key_prefix(draw.brand, Mode.LIVE),
        last_four=last_four(secret),
        created_at=now,
        created_by=owner.id,
    )
    digest = digester(secret.encode())
    happening = Happening(draw.new_id("evt", now), now, SystemActor("cli", organization.id))
    made = _FirstThings(organization, owner, project, key)

    def job(transaction: Transaction) -> Founded | None:
        connection = transaction.connection
        installation.hold(connection)
        if not organizations.is_empty(connection):
            return None
        organizations.insert(connection, organization)
        users.insert(connection, organization.id, owner, founding.password_hash)
        projects.insert(connection, project)
        apis.insert(connection, api)
        api_keys.insert(connection, key, digest, digester.fingerprint)
        transaction.record(happening.event("installation.found", "organization", organization.id, None, made))
        transaction.announce(Change("credential", digest.hex(), now))
        return Founded(organization, owner, project, Issued(key, secret))

    return await database.write(job)


async def declare_own_scopes(database: Database, draw: Draw) -> None:
    """Make Wayvo's own API declare what this version of Wayvo knows; nothing to do before the founding."""
    now = draw.clock()
    event_id = draw.new_id("evt", now)

    def job(transaction: Transaction) -> None:
        connection = transaction.connection
        owner = apis.owner_of(connection, OWN_AUDIENCE)
        if owner is None:
            return
        api = apis.by_audience(connection, owner, [OWN_AUDIENCE])[OWN_AUDIENCE]
        # Of nodes that start at once, one changes it.
        if apis.set_built_in_scopes(connection, OWN_AUDIENCE, OWN_SCOPES):
            happening = Happening(event_id, now, SystemActor("server", owner))
            changed = replace(api, scopes=OWN_SCOPES)
            transaction.record(happening.event("api.change", "api", api.id, api, changed))
            transaction.announce(Change("api", api.id, now))

    await database.write(job)
