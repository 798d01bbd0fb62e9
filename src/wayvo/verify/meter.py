"""Last uses, noted in memory and stored by a job: nothing is written in a request. Lossy across a crash."""

from typing import Final

MAX_NOTED: Final = 100_000

Use = tuple[str, int, str | None]
"""A credential's id, the instant of its use, and the client's address if it is known."""


class Meter:
    """The last use of each credential since the last :meth:`drain`."""

    def __init__(self) -> None:
        self._uses: dict[str, tuple[int, str | None]] = {}

    def note(self, credential_id: str, now_us: int, address: str | None) -> None:
        """Note a use; when too many credentials wait to be stored, those not noted yet are left out."""
        uses = self._uses
        if credential_id in uses or len(uses) < MAX_NOTED:
            uses[credential_id] = (now_us, address)

    def last_use(self, credential_id: str) -> tuple[int, str | None] | None:
        """Return a use that is not stored yet, as (instant, address)."""
        return self._uses.get(credential_id)

    def drain(self) -> list[Use]:
        """Return the noted uses and forget them."""
        uses, self._uses = self._uses, {}
        return [(credential_id, at, address) for credential_id, (at, address) in uses.items()]
