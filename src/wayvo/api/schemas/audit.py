"""Audit events as JSON."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from wayvo.api.schemas.fields import Moment
from wayvo.core.instants import format_instant
from wayvo.services.audit import Chained


class PartyView(msgspec.Struct, frozen=True):
    """Who did something, or what it was done to."""

    type: str
    id: str


State = Annotated[
    dict[str, Any] | None,
    Meta(description="The fields that changed; all of them where a thing was made. Never a secret."),
]


class AuditEventView(msgspec.Struct, frozen=True, kw_only=True):
    """What happened: who did it, to what, from where, and how that changed."""

    id: Annotated[str, Meta(examples=["evt_01k8b3v0q5f7g9h1j3k5m7n9p1"])]
    organization_id: str
    at: Moment
    action: Annotated[str, Meta(examples=["api_key.create"])]
    actor: PartyView
    credential_id: Annotated[str | None, Meta(description="What the actor presented.")]
    address: Annotated[str | None, Meta(description="Where the request came from.")]
    request_id: str | None
    target: PartyView
    before: State
    after: State
    sequence: Annotated[
        int | None, Meta(description="The place in the organization's chain; null for the second until it has one.")
    ]


def event_view(chained: Chained) -> AuditEventView:
    """Return an event as JSON shows it."""
    event, sequence = chained
    return AuditEventView(
        id=event.id,
        organization_id=event.organization_id,
        at=format_instant(event.at),
        action=event.action,
        actor=PartyView(event.actor_type, event.actor_id),
        credential_id=event.credential_id,
        address=event.address,
        request_id=event.request_id,
        target=PartyView(event.target_type, event.target_id),
        before=None if event.before is None else _shown(event.before),
        after=None if event.after is None else _shown(event.after),
        sequence=sequence,
    )


def _shown(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return a state with its instants as every answer has them."""
    shown: dict[str, Any] = {}
    for name, value in state.items():
        if isinstance(value, dict):
            # What people name freely, such as a key's metadata, holds no numbers.
            shown[name] = _shown(value)
        else:
            shown[name] = format_instant(value) if name.endswith("_at") and isinstance(value, int) else value
    return shown
