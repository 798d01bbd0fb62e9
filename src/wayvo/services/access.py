"""Is this access well-formed, does it name what exists, and may this actor give it?"""

from collections.abc import Collection

import msgspec
from sqlalchemy import Connection

from wayvo.core.access.grants import Access, added, beyond, is_undeclared
from wayvo.core.access.permissions import OWN_AUDIENCE, is_operators_alone
from wayvo.core.access.scopes import is_pattern
from wayvo.core.access.standing import Standing
from wayvo.core.actor import Actor
from wayvo.core.errors import (
    AccessNotHeld,
    FieldError,
    InvalidField,
    NotFound,
    Problem,
    ProjectArchived,
    invalid,
)
from wayvo.core.organizations import Api, Project
from wayvo.core.strict_json import shown_audience
from wayvo.store import apis


def merge_scopes(access: Access | None, scopes: Collection[str] | None) -> Access | InvalidField:
    """Return the access that a request means, sorted; ``scopes`` is short for Wayvo's own audience."""
    wanted = dict(access or {})
    if scopes is not None:
        if OWN_AUDIENCE in wanted:
            return invalid(
                "scopes", f"is short for the audience {OWN_AUDIENCE}, which access names too; use one of them"
            )
        wanted[OWN_AUDIENCE] = tuple(scopes)
    return {audience: tuple(sorted(set(patterns))) for audience, patterns in sorted(wanted.items()) if patterns}


class Place(msgspec.Struct, frozen=True):
    """Where a credential is, that is given something: its project, and the user whom it is bound to, if any."""

    project_id: str
    user_id: str | None = None
    standing: Standing | None = None


def refuse_access(
    connection: Connection,
    actor: Actor,
    before: Access,
    wanted: Access,
    place: Place | None = None,
    *,
    own_field: str = "scopes",
) -> Problem | None:
    """Return why the actor can't make a credential that held ``before`` hold ``wanted``, ``None`` if they can.

    ``own_field`` is what the request calls the patterns on Wayvo's own audience.
    """
    visible = apis.by_audience(connection, actor.organization_id, wanted.keys())
    faults: list[FieldError] = []
    for audience, patterns in wanted.items():
        # What was held before stays, even if the API declares it no longer.
        fresh = [pattern for pattern in patterns if pattern not in before.get(audience, ())]
        api = visible.get(audience)
        field = own_field if audience == OWN_AUDIENCE else f"access.{shown_audience(audience)}"
        if fresh and api is None:
            faults.append(FieldError(field, "is not the audience of an API that this organization can use"))
            continue
        for pattern in fresh:
            if not is_pattern(pattern):
                faults.append(FieldError(field, "a scope is noun:verb, noun:* or *, in lower case"))
            elif api is not None and is_undeclared(pattern, api.declared()):
                faults.append(FieldError(field, f"the API declares no scope {pattern}"))
            elif (
                audience == OWN_AUDIENCE
                and api is not None
                and is_operators_alone(pattern)
                and not _is_owner(api, actor)
            ):
                faults.append(FieldError(field, f"{pattern} is for the operator's organization alone"))
    if faults:
        return InvalidField("; ".join(f"{fault.field}: {fault.message}" for fault in faults[:5]), tuple(faults))
    return refuse_giving(connection, actor, added(before, wanted), place)


def refuse_giving(
    connection: Connection, actor: Actor, wanted: Access, place: Place | None = None
) -> AccessNotHeld | None:
    """Return the refusal if ``wanted`` is more than the actor holds, or than the user holds whom it is for."""
    if not wanted:
        return None
    owned = owned_audiences(connection, actor.organization_id, wanted)
    if missing := _not_held(actor, wanted, place, owned):
        return AccessNotHeld(f"The credential you call with does not hold {_named(missing)}.")
    if place is None or place.standing is None:
        return None
    if missing := beyond(place.standing.in_all(), wanted, owned_audiences=owned):
        return AccessNotHeld(f"The user whom the key is bound to does not hold {_named(missing)}.")
    return None


def refuse_giving_inside(connection: Connection, actor: Actor, wanted: Access, project_id: str) -> AccessNotHeld | None:
    """Return the refusal if ``wanted``, which is to count in one project alone, is more than the actor holds there."""
    owned = owned_audiences(connection, actor.organization_id, wanted)
    missing = beyond(actor.access_in(project_id), wanted, owned_audiences=owned)
    return AccessNotHeld(f"The credential you call with does not hold {_named(missing)}.") if missing else None


def owned_audiences(connection: Connection, organization_id: str, audiences: Collection[str]) -> frozenset[str]:
    """Return those of ``audiences`` whose APIs belong to the organization."""
    visible = apis.by_audience(connection, organization_id, audiences)
    return frozenset(api.audience for api in visible.values() if api.organization_id == organization_id)


def refuse_in_project(actor: Actor, permission: str, project_id: str) -> Problem | None:
    """Return the refusal if the actor lacks ``permission`` in a project.

    To who holds it in other projects alone, this one does not exist.
    """
    if actor.lacks(permission, project_id) is None:
        return None
    return actor.lacks_everywhere(permission) or no_such_project()


def no_such_project() -> NotFound:
    """Return the refusal of a project that the organization does not have."""
    return NotFound("There is no such project in this organization.")


def refuse_new_key(project: Project | None) -> Problem | None:
    """Return why a project gets no new keys."""
    if project is None:
        return invalid("project_id", "is not a project of this organization")
    if project.archived_at is not None:
        return ProjectArchived("An archived project gets no new keys.")
    return None


def _not_held(actor: Actor, wanted: Access, place: Place | None, owned: frozenset[str]) -> dict[str, list[str]]:
    """Return what of ``wanted`` the actor does not hold.

    Permissions of a service account, or of somebody else, count in the whole organization: what is held in one project
    alone can't be given to them. A key of the actor's own user has them in that project alone, as the actor does.
    """
    if place is None:
        return beyond(actor.access, wanted, owned_audiences=owned)
    inside = actor.access_in(place.project_id)
    own = {audience: patterns for audience, patterns in wanted.items() if audience == OWN_AUDIENCE}
    others = {audience: patterns for audience, patterns in wanted.items() if audience != OWN_AUDIENCE}
    giver = inside if actor.is_user(place.user_id) else actor.access
    return beyond(inside, others, owned_audiences=owned) | beyond(giver, own, owned_audiences=owned)


def _named(missing: dict[str, list[str]]) -> str:
    return "; ".join(f"{' '.join(patterns)} on {audience}" for audience, patterns in missing.items())


def _is_owner(api: Api, actor: Actor) -> bool:
    return api.organization_id == actor.organization_id
