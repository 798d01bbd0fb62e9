"""Organizations, projects, APIs and keys to store."""

from itertools import count
from typing import Any

from sqlalchemy import Connection

from wayvo.core.credentials.api_key import ApiKey
from wayvo.core.credentials.format import Mode
from wayvo.core.ids import IdKind, new_id
from wayvo.core.operations import ApiOperation
from wayvo.core.organizations import Api, ApiScope, Organization, Project, User
from wayvo.store import api_keys, apis, organizations, projects, users

NOW = 1_795_000_000_000_000
SECOND = 1_000_000
DIGEST_SECRET = "fingerprint-one!"

_numbers = count(1)


def fresh_id(kind: IdKind) -> str:
    """Return an id that sorts after all before it."""
    number = next(_numbers)
    return new_id(kind, NOW + number, number.to_bytes(8))


def digest(number: int) -> bytes:
    """Return what looks like a credential's digest."""
    return number.to_bytes(32)


def store_organization(connection: Connection, name: str = "Acme") -> Organization:
    """Store an organization."""
    organization = Organization(id=fresh_id("org"), name=name, created_at=NOW)
    organizations.insert(connection, organization)
    return organization


def store_project(connection: Connection, organization: Organization, **fields: Any) -> Project:
    """Store a project."""
    made: dict[str, Any] = {"name": "Payments", "description": "", "created_at": NOW}
    project = Project(id=fresh_id("prj"), organization_id=organization.id, **(made | fields))
    projects.insert(connection, project)
    return project


def store_user(connection: Connection, organization: Organization, email: str) -> User:
    """Store a user as a member."""
    user = User(id=fresh_id("usr"), email=email, name="Ann", role="owner", created_at=NOW)
    users.insert(connection, organization.id, user, None)
    return user


def new_api(organization: Organization, audience: str, **fields: Any) -> Api:
    """Return an API that is not stored."""
    made: dict[str, Any] = {
        "name": "Orders",
        "description": "",
        "scopes": (ApiScope("orders:read", "Read orders."), ApiScope("orders:write")),
        "operations": (ApiOperation(methods=("GET", "HEAD"), path="/orders/{id}", scopes=("orders:read",)),),
        "visibility": "private",
        "built_in": False,
        "created_at": NOW,
    }
    return Api(id=fresh_id("api"), organization_id=organization.id, audience=audience, **(made | fields))


def store_api(connection: Connection, organization: Organization, audience: str, **fields: Any) -> Api:
    """Store an API."""
    api = new_api(organization, audience, **fields)
    assert apis.insert(connection, api)
    return api


def new_key(project: Project, **fields: Any) -> ApiKey:
    """Return a key that is not stored."""
    made: dict[str, Any] = {
        "id": fresh_id("key"),
        "name": "Deploy",
        "description": "",
        "mode": Mode.LIVE,
        "access": {"https://orders.example": ("orders:read",)},
        "allowed_networks": (),
        "metadata": {},
        "prefix": "wv_live",
        "last_four": "aB3x",
        "created_at": NOW,
        "created_by": None,
    }
    return ApiKey(organization_id=project.organization_id, project_id=project.id, **(made | fields))


def store_key(connection: Connection, project: Project, **fields: Any) -> ApiKey:
    """Store a key under a digest of its own."""
    key = new_key(project, **fields)
    api_keys.insert(connection, key, digest(next(_numbers)), DIGEST_SECRET)
    return key
