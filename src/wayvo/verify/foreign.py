"""What is known here of imported keys: what they look like, and whether any of them still waits for its first use.

Only what looks like one is looked for, and a second digest of it only while some key stands under such a one. Formats
only ever come: hearing of one twice, or of one whose commit nobody can vouch for, does no harm.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import msgspec

from wayvo.core.change import Change
from wayvo.core.credentials.digest import Digester
from wayvo.core.credentials.foreign import ANYTHING, KeyFormat, pattern_of
from wayvo.core.credentials.record import ImportState


class ImportSource(Protocol):
    """Where imported keys are stored."""

    async def import_state(self) -> ImportState:
        """Return the formats, and whether any key still stands under the digest that it was imported with."""
        ...


class ForeignKeys:
    """Knows imported keys by their looks and by their digests of before their first use.

    ``digesters`` are the present root secret's, then the retired ones'.
    """

    def __init__(self, digesters: Sequence[Digester] = ()) -> None:
        self._digesters = tuple(digesters)
        self._formats: set[KeyFormat] = set()
        self._is_doubtful = False
        self._heard = 0
        self.matches: Callable[[bytes], re.Match[bytes] | None] | None = None
        """Matches what looks like an imported key; ``None`` while there are none."""
        self.are_waiting = False
        """Whether some key may still stand under the digest that it was imported with."""

    def hear(self, change: Change) -> None:
        """Learn of an import. Called between its commit and the answer to who made it."""
        if change.kind == "key_format":
            self._heard += 1
            self.are_waiting = True
            self._learn((msgspec.json.decode(change.subject, type=KeyFormat),))

    def doubt(self) -> None:
        """Take anything for a possible key until the next :meth:`refresh`: imports may have gone unheard."""
        self._heard += 1
        self._is_doubtful = self.are_waiting = True
        self.matches = ANYTHING.fullmatch

    async def refresh(self, source: ImportSource) -> None:
        """Look whether any key still waits; nothing to do while none does."""
        if not self.are_waiting:
            return
        heard = self._heard
        state = await source.import_state()
        if heard == self._heard:
            # Nothing was imported meanwhile that the reading could have missed.
            self._is_doubtful, self.are_waiting = False, state.are_waiting
        self._learn(state.formats)

    def digests(self, credential: bytes) -> tuple[bytes, ...]:
        """Return the digests that a credential may stand under if it was imported and never used."""
        if not self.are_waiting:
            return ()
        return tuple(digester.imported(credential) for digester in self._digesters)

    def import_digest(self, credential: bytes) -> bytes | None:
        """Return what a credential's SHA-256 is remembered as, under the present root secret."""
        return self._digesters[0].imported(credential) if self._digesters else None

    def _learn(self, formats: Iterable[KeyFormat]) -> None:
        self._formats.update(formats)
        if self._is_doubtful:
            return
        self.matches = pattern_of(tuple(self._formats)).fullmatch if self._formats else None
