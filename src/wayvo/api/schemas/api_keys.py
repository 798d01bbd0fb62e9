"""API keys as JSON."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from wayvo.api.schemas.fields import AccessMap, Description, Id, Instant, Moment, Name, Patterns, to_instant
from wayvo.core.access.permissions import OWN_AUDIENCE
from wayvo.core.actor import Principal, principal_of
from wayvo.core.credentials.api_key import DEFAULT_OVERLAP_SECONDS, MAX_OVERLAP_SECONDS, ApiKey, Issued, Status
from wayvo.core.credentials.format import Mode
from wayvo.core.errors import InvalidField
from wayvo.core.instants import format_instant
from wayvo.services.api_key_changes import ChangeApiKey
from wayvo.services.api_keys import CreateApiKey, RotateApiKey, Rotated, Shown

Networks = Annotated[
    tuple[Annotated[str, Meta(max_length=64)], ...], Meta(max_length=50, examples=[["203.0.113.0/24"]])
]
MetadataName = Annotated[str, Meta(min_length=1, max_length=40)]
MetadataValue = Annotated[str, Meta(max_length=500)]
Metadata = Annotated[dict[MetadataName, MetadataValue], Meta(max_length=20, examples=[{"team": "payments"}])]


class CreateApiKeyBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key to make. It holds nothing that is not named here."""

    name: Name
    description: Description = ""
    project_id: Annotated[Id | None, Meta(description="The calling key's own project if left out.")] = None
    user_id: Annotated[
        Id | None,
        Meta(
            description=(
                "A member, whom the key is to speak for: it is worth only what they hold, at every moment. It speaks "
                "for its project's service account if left out."
            )
        ),
    ] = None
    mode: Mode = Mode.LIVE
    access: Annotated[AccessMap | None, Meta(description="Audience to scopes.")] = None
    scopes: Annotated[Patterns | None, Meta(description=f"Short for access to {OWN_AUDIENCE}, Wayvo's own API.")] = None
    expires_at: Annotated[Instant | None, Meta(description="Within ten years; never if left out.")] = None
    allowed_networks: Annotated[Networks, Meta(description="CIDRs; from anywhere if empty.")] = ()
    metadata: Metadata = {}

    def to_command(self) -> CreateApiKey | InvalidField:
        """Return what the service understands."""
        expires_at = None if self.expires_at is None else to_instant("expires_at", self.expires_at)
        if isinstance(expires_at, InvalidField):
            return expires_at
        return CreateApiKey(
            name=self.name,
            description=self.description,
            project_id=self.project_id,
            user_id=self.user_id,
            mode=self.mode,
            access=self.access,
            scopes=self.scopes,
            expires_at=expires_at,
            allowed_networks=self.allowed_networks,
            metadata=self.metadata,
        )


class ChangeApiKeyBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What to change; what is left out stays. ``access`` and ``scopes`` replace what was held there."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    access: AccessMap | UnsetType = UNSET
    scopes: Patterns | UnsetType = UNSET
    expires_at: Instant | UnsetType | None = UNSET
    allowed_networks: Networks | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET

    def to_command(self) -> ChangeApiKey | InvalidField:
        """Return what the service understands."""
        expires_at: int | UnsetType | InvalidField | None
        if self.expires_at is UNSET or self.expires_at is None:
            expires_at = self.expires_at
        else:
            expires_at = to_instant("expires_at", self.expires_at)
        if isinstance(expires_at, InvalidField):
            return expires_at
        return ChangeApiKey(
            name=self.name,
            description=self.description,
            access=self.access,
            scopes=self.scopes,
            expires_at=expires_at,
            allowed_networks=self.allowed_networks,
            metadata=self.metadata,
        )


class RotateApiKeyBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the successor takes over."""

    overlap_seconds: Annotated[
        int,
        Meta(ge=0, le=MAX_OVERLAP_SECONDS, description="How long both keys work; never past the old one's expiry."),
    ] = DEFAULT_OVERLAP_SECONDS
    expires_at: Annotated[
        Instant | None,
        Meta(description="The successor's expiry. If left out it lives as long as its predecessor was made to."),
    ] = None

    def to_command(self) -> RotateApiKey | InvalidField:
        """Return what the service understands."""
        expires_at = None if self.expires_at is None else to_instant("expires_at", self.expires_at)
        if isinstance(expires_at, InvalidField):
            return expires_at
        return RotateApiKey(overlap_seconds=self.overlap_seconds, expires_at=expires_at)


class RevokeApiKeyBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why the key is revoked."""

    reason: Annotated[Description | None, Meta(examples=["Leaked in a build log"])] = None


class ApiKeyView(msgspec.Struct, frozen=True, kw_only=True):
    """An API key. Its secret is not stored and never shown again."""

    id: Annotated[str, Meta(examples=["key_01k8b3v0q5f7g9h1j3k5m7n9p1"])]
    organization_id: str
    project_id: str
    user_id: Annotated[str | None, Meta(description="The user it is bound to.")]
    name: str
    description: str
    mode: Mode
    status: Annotated[Status, Meta(description="What it is now.")]
    principal: Principal
    access: Annotated[dict[str, tuple[str, ...]], Meta(description="Audience to what it holds there.")]
    scopes: Annotated[tuple[str, ...], Meta(description=f"What access holds for {OWN_AUDIENCE}.")]
    allowed_networks: Annotated[tuple[str, ...], Meta(description="CIDRs; from anywhere if empty.")]
    metadata: dict[str, str]
    prefix: Annotated[str, Meta(description="What the key begins with.", examples=["wv_live"])]
    last_four: Annotated[str, Meta(description="What the key ends with.", examples=["aB3x"])]
    created_at: Moment
    created_by: Annotated[str | None, Meta(description="The credential or user that made it.")]
    expires_at: Annotated[Moment | None, Meta(description="When it ends by itself; null if it does not.")]
    revoked_at: Moment | None
    revocation_reason: str | None
    last_used_at: Annotated[Moment | None, Meta(description="When it was last accepted.")]
    last_used_network: Annotated[str | None, Meta(description="The address that the last accepted use came from.")]
    predecessor_id: Annotated[str | None, Meta(description="The key that it followed in a rotation.")]
    successor_id: Annotated[str | None, Meta(description="The key that followed it in a rotation.")]


class ScopeUseView(msgspec.Struct, frozen=True, kw_only=True):
    """A scope that verification asked for and found."""

    audience: str
    scope: str
    last_used_at: Annotated[Moment, Meta(description="To the minute.")]


class ShownApiKeyView(ApiKeyView, frozen=True, kw_only=True):
    """An API key, and what it really uses."""

    scopes_used: Annotated[
        tuple[ScopeUseView, ...],
        Meta(description="What verification asked for and found in the last 30 days; at most 200 of them are kept."),
    ]


class IssuedApiKeyView(ApiKeyView, frozen=True, kw_only=True):
    """An API key just made, with its secret, which is shown this once."""

    api_key: Annotated[
        str | None, Meta(description="The secret. Null when the answer is a replay.", examples=["YOUR_API_KEY"])
    ]
    replayed: Annotated[Literal[True] | UnsetType, Meta(description="Present when the answer is a replay.")] = UNSET


class PredecessorView(msgspec.Struct, frozen=True, kw_only=True):
    """The key that was rotated: when it ends, when and from where it was last used."""

    id: str
    expires_at: str | None
    last_used_at: str | None
    last_used_network: str | None


class RotatedApiKeyView(IssuedApiKeyView, frozen=True, kw_only=True):
    """The successor, and the key that it follows."""

    predecessor: PredecessorView


def view(key: ApiKey, now_us: int) -> ApiKeyView:
    """Return a key as JSON shows it."""
    return ApiKeyView(**_fields(key, now_us))


def shown_view(shown: Shown, now_us: int) -> ShownApiKeyView:
    """Return a key and its used scopes as JSON shows them."""
    uses = tuple(
        ScopeUseView(audience=use.audience, scope=use.scope, last_used_at=format_instant(use.last_used_at))
        for use in shown.scopes_used
    )
    return ShownApiKeyView(**_fields(shown.key, now_us), scopes_used=uses)


def issued_view(issued: Issued, now_us: int) -> IssuedApiKeyView:
    """Return a new key as JSON shows it, once."""
    return IssuedApiKeyView(**_fields(issued.key, now_us), api_key=issued.secret)


def rotated_view(rotated: Rotated, now_us: int) -> RotatedApiKeyView:
    """Return a rotation as JSON shows it, once."""
    old = rotated.predecessor
    return RotatedApiKeyView(
        **_fields(rotated.issued.key, now_us),
        api_key=rotated.issued.secret,
        predecessor=PredecessorView(
            id=old.id,
            expires_at=_instant(old.expires_at),
            last_used_at=_instant(old.last_used_at),
            last_used_network=old.last_used_network,
        ),
    )


def _fields(key: ApiKey, now_us: int) -> dict[str, Any]:
    return {
        "id": key.id,
        "organization_id": key.organization_id,
        "project_id": key.project_id,
        "user_id": key.user_id,
        "name": key.name,
        "description": key.description,
        "mode": key.mode,
        "status": key.status(now_us),
        "principal": principal_of(key.project_id, key.user_id),
        "access": dict(key.access),
        "scopes": key.access.get(OWN_AUDIENCE, ()),
        "allowed_networks": key.allowed_networks,
        "metadata": key.metadata,
        "prefix": key.prefix,
        "last_four": key.last_four,
        "created_at": format_instant(key.created_at),
        "created_by": key.created_by,
        "expires_at": _instant(key.expires_at),
        "revoked_at": _instant(key.revoked_at),
        "revocation_reason": key.revocation_reason,
        "last_used_at": _instant(key.last_used_at),
        "last_used_network": key.last_used_network,
        "predecessor_id": key.predecessor_id,
        "successor_id": key.successor_id,
    }


def _instant(instant_us: int | None) -> str | None:
    return None if instant_us is None else format_instant(instant_us)
