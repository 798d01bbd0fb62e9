"""API keys that are bound to users: who may have to do with one, and what its user holds."""

from sqlalchemy import Connection

from wayvo.core.access.permissions import API_KEYS_READ, API_KEYS_WRITE, USERS_WRITE
from wayvo.core.actor import Actor
from wayvo.core.credentials.api_key import ApiKey
from wayvo.core.errors import ApiKeyEnded, NotFound, Problem, invalid
from wayvo.services.access import Place
from wayvo.store import held_roles


def permitted(actor: Actor, key: ApiKey | None, permission: str) -> ApiKey | Problem:
    """Return a key with which the actor may do what ``permission`` allows; one that may not be seen does not exist."""
    if key is not None and not (refusal := actor.lacks(permission, key.project_id)):
        return key
    if key is not None and refusal is not None and not actor.lacks(API_KEYS_READ, key.project_id):
        return refusal
    return NotFound("There is no such API key in this organization.")


def permitted_secret(actor: Actor, key: ApiKey | None) -> ApiKey | Problem:
    """Return a key that the actor may change and get to know the secret of."""
    found = permitted(actor, key, API_KEYS_WRITE)
    return found if isinstance(found, Problem) else refuse_user(actor, found.user_id) or found


def refuse_user(actor: Actor, user_id: str | None) -> Problem | None:
    """Return why the actor may not make, change or rotate a key of this user's; everybody may their own."""
    return None if user_id is None or actor.is_user(user_id) else actor.lacks(USERS_WRITE)


def place_of_new(connection: Connection, key: ApiKey) -> Place | Problem:
    """Return where a new key is to be; its user has to be a member."""
    place = _place(connection, key)
    return invalid("user_id", "is not a member of this organization") if place is None else place


def place_of(connection: Connection, key: ApiKey) -> Place | Problem:
    """Return where a key is, unless it has ended with its user's membership."""
    place = _place(connection, key)
    return (
        ApiKeyEnded("Its user has left the organization since it was made; that is for good.")
        if place is None
        else place
    )


def _place(connection: Connection, key: ApiKey) -> Place | None:
    if key.user_id is None:
        return Place(key.project_id)
    member = held_roles.of(connection, key.organization_id, key.user_id, key.project_id)
    if member is None or key.created_at < member.since:
        return None
    return Place(key.project_id, key.user_id, member.standing)
