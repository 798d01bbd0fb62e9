"""What a change makes of an API key."""

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from wayvo.core.access.grants import Access
from wayvo.core.access.permissions import OWN_AUDIENCE
from wayvo.core.credentials.api_key import ApiKey, check_expiry
from wayvo.core.errors import AlreadyRotated, InvalidField, Problem
from wayvo.core.networks import canonical_networks
from wayvo.services.access import merge_scopes


class ChangeApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """What to change; what is unset stays."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    access: Access | UnsetType = UNSET
    scopes: tuple[str, ...] | UnsetType = UNSET
    expires_at: int | UnsetType | None = UNSET
    allowed_networks: tuple[str, ...] | UnsetType = UNSET
    metadata: dict[str, str] | UnsetType = UNSET


def changed_key(key: ApiKey, command: ChangeApiKey, now_us: int) -> ApiKey | Problem:
    """Return the key as ``command`` wants it. Whether the actor may give what is added is asked elsewhere."""
    fields = {
        name: value for name in ("name", "description", "metadata") if (value := getattr(command, name)) is not UNSET
    }
    if command.expires_at is not UNSET:
        if problem := check_expiry(command.expires_at, now_us):
            return problem
        later = command.expires_at is None or (key.expires_at is not None and command.expires_at > key.expires_at)
        if key.successor_id is not None and later:
            return AlreadyRotated("A rotated key can end earlier than its overlap, not later.")
        fields["expires_at"] = command.expires_at
    if command.allowed_networks is not UNSET:
        networks = canonical_networks(command.allowed_networks)
        if isinstance(networks, Problem):
            return networks
        fields["allowed_networks"] = networks
    if command.access is not UNSET or command.scopes is not UNSET:
        access = _changed_access(key, command)
        if isinstance(access, Problem):
            return access
        fields["access"] = access
    return replace(key, **fields)


def _changed_access(key: ApiKey, command: ChangeApiKey) -> Access | InvalidField:
    """``access`` replaces all of it; ``scopes`` alone replaces what is held on Wayvo's own audience."""
    scopes = None if command.scopes is UNSET else command.scopes
    if command.access is not UNSET:
        return merge_scopes(command.access, scopes)
    others = {audience: patterns for audience, patterns in key.access.items() if audience != OWN_AUDIENCE}
    return merge_scopes(others, scopes)
