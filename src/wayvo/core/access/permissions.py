"""The permissions of Wayvo's own management API: the scopes that its built-in audience declares.

Permissions and scopes share one grammar, so a key for the management API is a key like any other.
"""

from typing import Final, NamedTuple

OWN_AUDIENCE: Final = "urn:wayvo:management"
"""The audience of Wayvo's own API. A constant: moving an installation to another URL changes no credential."""

VERIFY: Final = "credentials:verify"
"""Declared by every API without saying so: who holds it for an audience may ask about every credential for it."""

STARTING_SCOPES: Final = ("users:read", "projects:read")
"""The visible preset that the forms of the dashboard and the CLI start with."""


class Permission(NamedTuple):
    """A permission and what it allows, in a sentence for people."""

    name: str
    description: str


USERS_READ: Final = "users:read"
PROJECTS_READ: Final = "projects:read"
PROJECTS_WRITE: Final = "projects:write"
API_KEYS_READ: Final = "api-keys:read"
API_KEYS_WRITE: Final = "api-keys:write"
APIS_READ: Final = "apis:read"
APIS_WRITE: Final = "apis:write"

PERMISSIONS: Final = (
    Permission(USERS_READ, "See the members of the organization."),
    Permission(PROJECTS_READ, "See the organization's projects."),
    Permission(PROJECTS_WRITE, "Create, rename and archive projects."),
    Permission(API_KEYS_READ, "See API keys, never their secrets."),
    Permission(API_KEYS_WRITE, "Create, change, rotate and revoke API keys, within what the caller holds."),
    Permission(APIS_READ, "See the protected APIs and their scopes."),
    Permission(APIS_WRITE, "Register and change protected APIs, and give access to those the organization owns."),
    Permission(VERIFY, "Ask about credentials for this audience."),
)
