"""What a credential learns of itself, as JSON."""

from typing import Literal

import msgspec

from wayvo.core.access.permissions import OWN_AUDIENCE
from wayvo.core.actor import Principal
from wayvo.core.credentials.format import Mode
from wayvo.core.instants import format_instant
from wayvo.services.whoami import Identity


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


class WhoamiView(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the credential speaks for, and what it holds."""

    credential: CredentialView
    principal: Principal
    organization: NamedView
    project: NamedView
    access: dict[str, tuple[str, ...]]
    scopes: tuple[str, ...]


def whoami_view(identity: Identity) -> WhoamiView:
    """Return an identity as JSON shows it."""
    key = identity.key
    return WhoamiView(
        credential=CredentialView(
            id=key.id,
            kind="api_key",
            name=key.name,
            mode=key.mode,
            expires_at=None if key.expires_at is None else format_instant(key.expires_at),
        ),
        principal=Principal("service_account", key.project_id),
        organization=NamedView(id=identity.organization.id, name=identity.organization.name),
        project=NamedView(id=identity.project.id, name=identity.project.name),
        access=dict(key.access),
        scopes=key.access.get(OWN_AUDIENCE, ()),
    )
