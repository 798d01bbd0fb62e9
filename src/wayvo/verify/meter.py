"""What was decided, and who was last here: noted in memory, stored by a job. Nothing is written in a request."""

from typing import Final

from wayvo.core.decision import Code

MAX_NOTED: Final = 100_000

Use = tuple[str, int, str | None]
"""A credential's id, the instant of its use, and the client's address if it is known."""


class Meter:
    """Decisions by code, and the last use of each credential since the last :meth:`drain`. Lossy across a crash."""

    def __init__(self) -> None:
        self._uses: dict[str, tuple[int, str | None]] = {}
        self._drained: dict[str, tuple[int, str | None]] = {}
        self.decisions: dict[Code, int] = dict.fromkeys(Code, 0)
        """How often each code was the answer, since the start."""

    def count(self, code: Code) -> None:
        """Count a decision."""
        self.decisions[code] += 1

    def note(self, credential_id: str, now_us: int, address: str | None) -> None:
        """Note a use; when too many credentials wait to be stored, those not noted yet are left out."""
        uses = self._uses
        if credential_id in uses or len(uses) < MAX_NOTED:
            uses[credential_id] = (now_us, address)

    def last_use(self, credential_id: str) -> tuple[int, str | None] | None:
        """Return a use that may not be stored yet, as (instant, address)."""
        return self._uses.get(credential_id) or self._drained.get(credential_id)

    def drain(self) -> list[Use]:
        """Return the noted uses; the next drain forgets them, by which time they are stored."""
        self._drained, self._uses = self._uses, {}
        return [(credential_id, at, address) for credential_id, (at, address) in self._drained.items()]
