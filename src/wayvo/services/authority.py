"""What an actor holds at this very moment, inside a transaction that nobody changes it under.

A request is authenticated before its job runs. Two admins who demote each other are both admins when they ask; the one
whose job comes second must find out that they are none any more.
"""

from typing import Final

from msgspec.structs import replace
from sqlalchemy import Connection

from wayvo.core.access.grants import NO_ACCESS, Access
from wayvo.core.access.permissions import OWN_AUDIENCE
from wayvo.core.access.roles import together, within
from wayvo.core.access.scopes import flatten
from wayvo.core.actor import NOWHERE, Actor, Held
from wayvo.core.decision import Code
from wayvo.core.errors import InsufficientScope, Problem
from wayvo.core.problem_json import DENIALS
from wayvo.services.access import owned_audiences, refuse_in_project
from wayvo.store import members, organizations, project_members, roles

_USER: Final = "user"


def confirm(
    connection: Connection, actor: Actor, permission: str | None, project_id: str | None = None
) -> Actor | Problem:
    """Hold the actor's organization, and return the actor with what they hold now; the refusal if it is not enough.

    Until the transaction ends nobody else changes the organization's members, roles or invitations. ``permission``
    ``None``: nothing is needed.
    """
    organization = organizations.hold(connection, actor.organization_id)
    if organization is None:
        return InsufficientScope("The organization of the credential is gone.")
    if organization.disabled_at is not None:
        return DENIALS[Code.ORGANIZATION_DISABLED]
    now_held = present(connection, actor)
    if permission is None:
        return now_held
    problem = now_held.lacks(permission) if project_id is None else refuse_in_project(now_held, permission, project_id)
    return problem or now_held


def held_by(connection: Connection, organization_id: str, user_id: str, role: str) -> Access:
    """Return all that a member with this role in the organization holds, be it in one project only."""
    in_projects = project_members.roles_of(connection, organization_id, user_id)
    return together(roles.access_of(connection, organization_id, one) for one in {role, *in_projects.values()})


def present(connection: Connection, actor: Actor) -> Actor:
    """Return the actor, a user with no more than their roles allow now. A service account has no role.

    Without :func:`confirm` around it this is a reading only: for what outlives the roles of who does it, such as a key.
    """
    if actor.principal.type != _USER:
        return actor
    organization_id, user_id = actor.organization_id, actor.principal.id
    role = members.role_of(connection, organization_id, user_id)
    if role is None:
        return replace(actor, scopes=frozenset(), access=NO_ACCESS, in_projects=NOWHERE)
    everywhere = roles.access_of(connection, organization_id, role)
    in_projects = project_members.roles_of(connection, organization_id, user_id)
    held = _cut(connection, organization_id, Held(actor.scopes, actor.access), everywhere)
    return replace(
        actor,
        scopes=held.scopes,
        access=held.access,
        in_projects={
            project_id: _cut(
                connection,
                organization_id,
                before,
                together((everywhere, roles.access_of(connection, organization_id, in_projects[project_id]))),
            )
            for project_id, before in actor.in_projects.items()
            if project_id in in_projects
        },
    )


def _cut(connection: Connection, organization_id: str, held: Held, role: Access) -> Held:
    owned = owned_audiences(connection, organization_id, held.access)
    left = within(held.access, role, owned_audiences=owned)
    return Held(held.scopes & flatten(left.get(OWN_AUDIENCE, ()), held.scopes), left)
