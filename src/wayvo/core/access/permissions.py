"""The permissions of Wayvo's own management API: the scopes that its built-in audience declares.

Permissions and scopes share one grammar, so a key for the management API is a key like any other. The catalogue says of
each permission which kinds of credential may ever hold it, whatever they were given.
"""

from enum import StrEnum
from typing import Final

import msgspec

from wayvo.core.access.scopes import flatten

OWN_AUDIENCE: Final = "urn:wayvo:management"
"""The audience of Wayvo's own API. A constant: moving an installation to another URL changes no credential."""

VERIFY: Final = "credentials:verify"
"""Declared by every API without saying so: who holds it for an audience may ask about every credential for it."""

STARTING_SCOPES: Final = ("users:read", "projects:read")
"""The visible preset that the forms of the dashboard and the CLI start with."""


class CredentialKind(StrEnum):
    """Who speaks through a credential, and by which kind of it."""

    SERVICE_ACCOUNT_KEY = "service_account_key"
    USER_KEY = "user_key"
    CLIENT_TOKEN = "client_token"  # noqa: S105 - a word of the catalogue
    USER_TOKEN = "user_token"  # noqa: S105 - a word of the catalogue


EVERY_KIND: Final = frozenset(CredentialKind)
KEYS_ONLY: Final = frozenset({CredentialKind.SERVICE_ACCOUNT_KEY, CredentialKind.USER_KEY})
"""Tokens are given to applications, on behalf of people who read a consent page; some things are not for those."""


class Permission(msgspec.Struct, frozen=True):
    """A permission and what it allows, in a sentence for people.

    ``is_operators``: it means something in the operator's organization only, and is nobody else's to hold.
    """

    name: str
    description: str
    kinds: frozenset[CredentialKind] = EVERY_KIND
    is_operators: bool = False


ORGANIZATIONS_READ: Final = "organizations:read"
ORGANIZATIONS_WRITE: Final = "organizations:write"
USERS_READ: Final = "users:read"
USERS_WRITE: Final = "users:write"
ROLES_READ: Final = "roles:read"
ROLES_WRITE: Final = "roles:write"
PROJECTS_READ: Final = "projects:read"
PROJECTS_WRITE: Final = "projects:write"
API_KEYS_READ: Final = "api-keys:read"
API_KEYS_WRITE: Final = "api-keys:write"
API_KEYS_IMPORT: Final = "api-keys:import"
APIS_READ: Final = "apis:read"
APIS_WRITE: Final = "apis:write"
APIS_USE: Final = "apis:use"
AUDIT_READ: Final = "audit-events:read"
INSTALLATION_READ: Final = "installation:read"
INSTALLATION_WRITE: Final = "installation:write"

PERMISSIONS: Final = (
    Permission(ORGANIZATIONS_READ, "See the organization."),
    Permission(ORGANIZATIONS_WRITE, "Rename the organization.", KEYS_ONLY),
    Permission(USERS_READ, "See the members of the organization, of its projects, and the invitations."),
    Permission(USERS_WRITE, "Invite people, change members' roles, remove them, within what one holds.", KEYS_ONLY),
    Permission(ROLES_READ, "See the roles and what they allow."),
    Permission(ROLES_WRITE, "Create, change and delete custom roles, within what one holds.", KEYS_ONLY),
    Permission(PROJECTS_READ, "See the organization's projects."),
    Permission(PROJECTS_WRITE, "Create, rename and archive projects."),
    Permission(API_KEYS_READ, "See API keys, never their secrets."),
    Permission(API_KEYS_WRITE, "Create, change, rotate and revoke API keys, within what one holds."),
    Permission(API_KEYS_IMPORT, "Bring API keys from elsewhere, as digests, within what one holds.", KEYS_ONLY),
    Permission(APIS_READ, "See the protected APIs, their scopes and operations."),
    Permission(APIS_WRITE, "Register and change protected APIs, and give access to those the organization owns."),
    Permission(APIS_USE, "Give access to every API that the organization can use."),
    Permission(AUDIT_READ, "See the audit trail."),
    Permission(VERIFY, "Ask about credentials for this audience."),
    Permission(INSTALLATION_READ, "See every organization of the installation.", KEYS_ONLY, is_operators=True),
    Permission(INSTALLATION_WRITE, "Create, disable and enable organizations.", KEYS_ONLY, is_operators=True),
)

_BY_NAME: Final = {permission.name: permission for permission in PERMISSIONS}
_OPERATORS: Final = frozenset(permission.name for permission in PERMISSIONS if permission.is_operators)


def may_hold(kind: CredentialKind, permission: str, *, is_operators: bool) -> bool:
    """Say whether a credential of a kind, of the operator's organization or another, may ever hold a permission."""
    known = _BY_NAME.get(permission)
    return known is not None and kind in known.kinds and (is_operators or not known.is_operators)


def holdable(kind: CredentialKind, *, is_operators: bool) -> frozenset[str]:
    """Return all the permissions that a credential of a kind may hold."""
    return frozenset(name for name in _BY_NAME if may_hold(kind, name, is_operators=is_operators))


def is_operators_alone(pattern: str) -> bool:
    """Say whether ``pattern`` stands for nothing but what only the operator's organization may hold."""
    meant = flatten((pattern,), _BY_NAME)
    return bool(meant) and meant <= _OPERATORS
