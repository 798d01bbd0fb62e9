"""The keys as the peers get them: as much of each as the decision needs."""

import time
from collections.abc import Iterator, Mapping
from itertools import cycle
from typing import NamedTuple

from wayvo.core.access.permissions import OWN_AUDIENCE


class PeerKey(NamedTuple):
    """A key."""

    secret: str
    id: str
    organization_id: str
    project_id: str
    mode: str
    access: dict[str, list[str]]
    network: str | None
    expires_at: float


def peer_keys(keys: Mapping[str, str], network: str) -> Iterator[PeerKey]:
    """Return ``keys`` (secret to id) with everything else; a quarter of them may be used from ``network`` only."""
    expires_at = time.time() + 365 * 86_400
    scopes = cycle((["projects:read"], ["projects:read", "users:read"]))
    networks = cycle((None, None, None, network))
    for number, (secret, key_id) in enumerate(keys.items()):
        organization, project = f"org_{number % 500:026}", f"prj_{number % 2000:026}"
        access = {OWN_AUDIENCE: next(scopes)}
        yield PeerKey(secret, key_id, organization, project, "live", access, next(networks), expires_at)
