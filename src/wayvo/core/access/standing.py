"""What a member holds at one moment: by the role in the organization, and by the one in a project."""

from collections.abc import Mapping

import msgspec

from wayvo.core.access.grants import NO_ACCESS, Access
from wayvo.core.access.roles import BUILT_IN, together


class Standing(msgspec.Struct, frozen=True):
    """``everywhere`` is held in the whole organization, ``in_project`` beyond that inside one project."""

    everywhere: Access
    in_project: Access = NO_ACCESS

    def in_all(self) -> Access:
        """Return what is held by both roles together: what counts for something inside the project."""
        return together((self.everywhere, self.in_project)) if self.in_project else self.everywhere


def standing(role: str | None, project_role: str | None, custom: Mapping[str, Access]) -> Standing:
    """Return what the named roles give, where ``custom`` says what custom ones allow.

    No role, and a role that is not there (any more), give nothing.
    """
    return Standing(_access(role, custom), _access(project_role, custom))


def _access(name: str | None, custom: Mapping[str, Access]) -> Access:
    if name is None:
        return NO_ACCESS
    built_in = BUILT_IN.get(name)
    return custom.get(name, NO_ACCESS) if built_in is None else built_in.access
