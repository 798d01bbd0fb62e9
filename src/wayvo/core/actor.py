"""Who acts: the principal behind an authenticated request, with what it holds at that moment."""

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from wayvo.core.access.grants import NO_ACCESS, Access
from wayvo.core.access.roles import together
from wayvo.core.errors import InsufficientScope, Problem


class Principal(msgspec.Struct, frozen=True):
    """Whom a credential speaks for. A service account has the id of its project."""

    type: Literal["service_account", "user"]
    id: str


def principal_of(project_id: str, user_id: str | None) -> Principal:
    """Return whom a key speaks for: the user it is bound to, else its project's service account."""
    return Principal("service_account", project_id) if user_id is None else Principal("user", user_id)


class Origin(msgspec.Struct, frozen=True):
    """Where a request came from, for the audit trail: the client's address, and the request's id."""

    address: str | None = None
    request_id: str | None = None


class Held(msgspec.Struct, frozen=True):
    """What is held: ``scopes`` flattened, as Wayvo's own audience declares them now; ``access`` may be given on."""

    scopes: frozenset[str]
    access: Access


NOWHERE: Final[Mapping[str, Held]] = {}


class Actor(msgspec.Struct, frozen=True):
    """An authenticated caller of the management API.

    ``scopes`` and ``access`` hold in the whole organization (see :class:`Held`); ``in_projects`` says what is held
    beyond them inside single projects. ``project_id`` is the credential's own project.
    """

    principal: Principal
    credential_id: str
    organization_id: str
    project_id: str
    scopes: frozenset[str]
    access: Access
    in_projects: Mapping[str, Held] = NOWHERE
    origin: Origin = Origin()

    def lacks(self, permission: str, project_id: str | None = None) -> Problem | None:
        """Return the refusal if the actor does not hold ``permission``. Every service asks this first.

        With a project, what is held in that project counts too.
        """
        if permission in self.scopes or permission in self._held_in(project_id).scopes:
            return None
        return InsufficientScope(f"This needs the scope {permission}, which the credential does not hold.")

    def lacks_everywhere(self, permission: str) -> Problem | None:
        """Return the refusal if the actor holds ``permission`` neither in the organization nor in any project."""
        if self.projects_with(permission) == frozenset():
            return self.lacks(permission)
        return None

    def projects_with(self, permission: str) -> frozenset[str] | None:
        """Return in which projects alone ``permission`` is held; ``None`` if it is held in the whole organization."""
        if permission in self.scopes:
            return None
        return frozenset(project_id for project_id, held in self.in_projects.items() if permission in held.scopes)

    def access_in(self, project_id: str | None) -> Access:
        """Return what is held inside a project.

        What of it is held there alone may be given only to what counts there alone.
        """
        held = self._held_in(project_id)
        return self.access if held is _NOTHING else together((self.access, held.access))

    def is_user(self, user_id: str | None) -> bool:
        """Say whether the actor is this user."""
        return user_id is not None and self.principal == Principal("user", user_id)

    def _held_in(self, project_id: str | None) -> Held:
        return _NOTHING if project_id is None else self.in_projects.get(project_id, _NOTHING)


class SystemActor(msgspec.Struct, frozen=True):
    """Wayvo itself, or who commands the server's own machine: a part of the program, in some organization's trail."""

    id: Literal["cli", "server"]
    organization_id: str


_NOTHING: Final = Held(frozenset(), NO_ACCESS)
