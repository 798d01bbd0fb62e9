"""Audit events: who did what to which thing, from where, and how the thing changed."""

from typing import Any

import msgspec

from wayvo.core.actor import Actor, SystemActor


class AuditEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event. ``before`` and ``after`` hold the fields that differ, in the names of the core's types; no secrets."""

    id: str
    organization_id: str
    at: int
    actor_type: str
    actor_id: str
    credential_id: str | None
    address: str | None
    request_id: str | None
    action: str
    target_type: str
    target_id: str
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


class Happening(msgspec.Struct, frozen=True):
    """What is known of an event before its job runs: its id (a job draws none), the moment, and who acts.

    Where Wayvo itself acts, the organization may be found by the job alone: it makes the happening of an
    id that was drawn before.
    """

    id: str
    at: int
    actor: Actor | SystemActor

    def event(
        self,
        action: str,
        target_type: str,
        target_id: str,
        before: msgspec.Struct | None = None,
        after: msgspec.Struct | None = None,
    ) -> AuditEvent:
        """Return the event of ``action`` on a thing of the actor's organization, which was ``before`` and is ``after``.

        ``action`` is a noun and a verb with a dot, as in ``api_key.create``.
        """
        old, new = differences(before, after)
        actor = self.actor
        fields: dict[str, Any] = {
            "id": self.id,
            "organization_id": actor.organization_id,
            "at": self.at,
            "action": action,
            "target_type": target_type,
            "target_id": target_id,
            "before": old,
            "after": new,
        }
        if isinstance(actor, SystemActor):
            return AuditEvent(
                actor_type="system", actor_id=actor.id, credential_id=None, address=None, request_id=None, **fields
            )
        return AuditEvent(
            actor_type=actor.principal.type,
            actor_id=actor.principal.id,
            credential_id=actor.credential_id,
            address=actor.origin.address,
            request_id=actor.origin.request_id,
            **fields,
        )


def differences(
    before: msgspec.Struct | None, after: msgspec.Struct | None
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Return the fields in which two states of one thing differ, of each; all of them where there is but one state."""
    old = None if before is None else msgspec.structs.asdict(before)
    new = None if after is None else msgspec.structs.asdict(after)
    if old is None or new is None:
        return old, new
    names = [name for name, value in new.items() if old.get(name) != value]
    return {name: old.get(name) for name in names}, {name: new[name] for name in names}
