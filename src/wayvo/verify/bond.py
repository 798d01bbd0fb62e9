"""What is left of a credential's access because it is bound to a user: never more than the user holds now.

The user holds the organization's role everywhere. On a protected API the role in the credential's project counts as
well; on Wayvo's own audience it counts inside that project only, and so is kept apart.
"""

from collections.abc import Iterator, Mapping

from wayvo.core.access.grants import Access, held_on
from wayvo.core.access.permissions import OWN_AUDIENCE
from wayvo.core.access.roles import BUILT_IN, within
from wayvo.core.access.standing import standing
from wayvo.core.credentials.record import CredentialRecord, UserRecord
from wayvo.verify.cells import Cells, Reading


class Bond:
    """A credential and its user, while a snapshot is compiled.

    ``access`` is what is left of the credential's access by the role in the organization, ``project_access`` what is
    left by the role in the project.
    """

    def __init__(
        self, record: CredentialRecord, user: UserRecord, custom: Mapping[str, Access], owned: frozenset[str]
    ) -> None:
        self._user = user
        self._owned = owned
        self._standing = standing(user.role, user.project_role, custom)
        self._all = self._standing.in_all()
        self.access = within(record.access, self._standing.everywhere, owned_audiences=owned)
        self.project_access = within(record.access, self._standing.in_project, owned_audiences=owned)

    def opens(self, audience: str) -> bool:
        """Say whether anything at all is left on an audience."""
        return audience in self.access or audience in self.project_access

    def held_on(self, audience: str) -> tuple[str, ...]:
        """Return the patterns that the user holds on an audience, as far as they count outside the project too."""
        access = self._standing.everywhere if audience == OWN_AUDIENCE else self._all
        return held_on(audience, access, is_owned=audience in self._owned)

    def project_role_on(self, audience: str) -> tuple[str, ...]:
        """Return the patterns that the role in the project gives on an audience."""
        return held_on(audience, self._standing.in_project, is_owned=audience in self._owned)

    def readings(self, cells: Cells) -> Iterator[Reading]:
        """Read the cells of whatever may change what the user holds."""
        yield cells.read("member", self._user.id)
        for role in (self._user.role, self._user.project_role):
            if role is not None and role not in BUILT_IN:
                yield cells.read("role", role)
