"""Is this access well-formed, does it name what exists, and may this actor give it?"""

from collections.abc import Collection

from sqlalchemy import Connection

from wayvo.core.access.grants import Access, added, beyond, is_undeclared
from wayvo.core.access.permissions import OWN_AUDIENCE
from wayvo.core.access.scopes import is_pattern
from wayvo.core.actor import Actor
from wayvo.core.errors import AccessNotHeld, FieldError, InvalidField, Problem, invalid
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


def refuse_access(connection: Connection, actor: Actor, before: Access, wanted: Access) -> Problem | None:
    """Return why the actor can't make a credential that held ``before`` hold ``wanted``, ``None`` if they can."""
    visible = apis.by_audience(connection, actor.organization_id, wanted.keys())
    faults: list[FieldError] = []
    for audience, patterns in wanted.items():
        # What was held before stays, even if the API declares it no longer.
        fresh = [pattern for pattern in patterns if pattern not in before.get(audience, ())]
        api = visible.get(audience)
        field = "scopes" if audience == OWN_AUDIENCE else f"access.{shown_audience(audience)}"
        if fresh and api is None:
            faults.append(FieldError(field, "is not the audience of an API that this organization can use"))
            continue
        for pattern in fresh:
            if not is_pattern(pattern):
                faults.append(FieldError(field, "a scope is noun:verb, noun:* or *, in lower case"))
            elif api is not None and is_undeclared(pattern, api.declared()):
                faults.append(FieldError(field, f"the API declares no scope {pattern}"))
    if faults:
        return InvalidField("; ".join(f"{fault.field}: {fault.message}" for fault in faults[:5]), tuple(faults))
    return refuse_giving(connection, actor, added(before, wanted))


def refuse_giving(connection: Connection, actor: Actor, wanted: Access) -> AccessNotHeld | None:
    """Return the refusal if ``wanted`` is more than the actor holds."""
    if not wanted:
        return None
    visible = apis.by_audience(connection, actor.organization_id, wanted.keys())
    owned = frozenset(api.audience for api in visible.values() if api.organization_id == actor.organization_id)
    missing = beyond(actor.access, wanted, owned_audiences=owned)
    if not missing:
        return None
    named = "; ".join(f"{' '.join(patterns)} on {audience}" for audience, patterns in missing.items())
    return AccessNotHeld(f"The credential you call with does not hold {named}.")
