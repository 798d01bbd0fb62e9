"""What a credential learns of itself, as JSON."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from wayvo.core.access.permissions import OWN_AUDIENCE
from wayvo.core.actor import Principal
from wayvo.core.credentials.format import Mode
from wayvo.core.instants import format_instant
from wayvo.services.whoami import BoundTo, Identity


class CredentialView(msgspec.Struct, frozen=True, kw_only=True):
    """The presented credential."""

    id: str
    kind: Literal["api_key"]
    name: str
    mode: Mode
    expires_at: str | None


class NamedView(msgspec.Struct, frozen=True, kw_only=True):
    """Something by its id and name."""

    id: str
    name: str


class BoundUserView(msgspec.Struct, frozen=True, kw_only=True):
    """The user that the credential is bound to, with the roles held now."""

    id: str
    email: str
    name: str
    role: Annotated[str, Meta(description="The role in the organization.", examples=["developer"])]
    project_role: Annotated[str | None, Meta(description="The role in the credential's project, if there is one.")]


class HeldView(msgspec.Struct, frozen=True, kw_only=True):
    """What is held inside the credential's project, beyond what is held in the whole organization."""

    access: dict[str, tuple[str, ...]]
    scopes: Annotated[tuple[str, ...], Meta(description="What it may do on Wayvo's own API inside the project.")]


class WhoamiView(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the credential speaks for, and what it holds now."""

    credential: CredentialView
    principal: Principal
    organization: NamedView
    project: NamedView
    user: Annotated[BoundUserView | None, Meta(description="Null for a service account's credential.")]
    access: Annotated[
        dict[str, tuple[str, ...]],
        Meta(description="What it was given; if it is bound to a user, as far as the user's role holds it too."),
    ]
    scopes: tuple[str, ...]
    in_project: Annotated[HeldView | None, Meta(description="What the user's role in the project adds, if anything.")]


def whoami_view(identity: Identity) -> WhoamiView:
    """Return an identity as JSON shows it."""
    key, actor, bound_to = identity.key, identity.actor, identity.bound_to
    in_project = actor.in_projects.get(key.project_id)
    return WhoamiView(
        credential=CredentialView(
            id=key.id,
            kind="api_key",
            name=key.name,
            mode=key.mode,
            expires_at=None if key.expires_at is None else format_instant(key.expires_at),
        ),
        principal=actor.principal,
        organization=NamedView(id=identity.organization.id, name=identity.organization.name),
        project=NamedView(id=identity.project.id, name=identity.project.name),
        user=None if bound_to is None else _user_view(bound_to),
        access=dict(actor.access),
        scopes=actor.access.get(OWN_AUDIENCE, ()),
        in_project=None
        if in_project is None
        else HeldView(access=dict(in_project.access), scopes=tuple(sorted(in_project.scopes))),
    )


def _user_view(bound_to: BoundTo) -> BoundUserView:
    user = bound_to.user
    return BoundUserView(
        id=user.id, email=user.email, name=user.name, role=user.role, project_role=bound_to.project_role
    )
