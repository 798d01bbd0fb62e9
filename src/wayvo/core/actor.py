"""Who acts: the principal behind an authenticated request, with what it holds at that moment."""

from typing import Literal

import msgspec

from wayvo.core.access.grants import Access
from wayvo.core.errors import InsufficientScope, Problem


class Principal(msgspec.Struct, frozen=True):
    """Whom a credential speaks for. A service account has the id of its project."""

    type: Literal["service_account"]
    id: str


class Actor(msgspec.Struct, frozen=True):
    """An authenticated caller of the management API.

    ``scopes`` is flattened: what the credential opens on Wayvo's own audience now. ``access`` is what it may give on.
    """

    principal: Principal
    credential_id: str
    organization_id: str
    project_id: str
    scopes: frozenset[str]
    access: Access

    def lacks(self, permission: str) -> Problem | None:
        """Return the refusal if the actor does not hold ``permission``. Every service asks this first."""
        if permission in self.scopes:
            return None
        return InsufficientScope(f"This needs the scope {permission}, which the credential does not hold.")
