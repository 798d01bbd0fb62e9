"""Import of API keys that were made elsewhere, of which only the SHA-256 is known.

Each row is stored as a whole or refused with a reason. What is here already is left as it is, so that an import that
was interrupted is run again. A few hundred rows are one transaction, with the format and one audit event.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

import msgspec

from wayvo.core.access.grants import Access
from wayvo.core.access.permissions import API_KEYS_IMPORT
from wayvo.core.actor import Actor
from wayvo.core.credentials.api_key import ApiKey, check_expiry
from wayvo.core.credentials.digest import Digester
from wayvo.core.credentials.foreign import WEAK_BITS, KeyFormat
from wayvo.core.credentials.format import Mode
from wayvo.core.errors import FieldError, Problem, WeakKeyFormat, invalid
from wayvo.core.networks import canonical_networks
from wayvo.services.access import merge_scopes
from wayvo.services.draw import Draw
from wayvo.services.import_chunk import Candidate, Chunk, Done, Prepared, RowOutcome, refused
from wayvo.store.database import Database

CHUNK: Final = 500
"""Rows in one transaction: some 50 ms of the writer's time, so that nobody waits long behind an import."""
_BREATH: Final = 50
"""Rows prepared at a stretch: the event loop answers others in between."""

EXTERNAL_ID: Final = "external_id"


class ImportedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key to import. ``sha256`` is that of the key as it is sent; ``prefix`` ``None``: the format's."""

    sha256: bytes
    name: str
    description: str = ""
    project_id: str | None = None
    mode: Mode = Mode.LIVE
    access: Access | None = None
    scopes: tuple[str, ...] | None = None
    expires_at: int | None = None
    allowed_networks: tuple[str, ...] = ()
    metadata: dict[str, str] = {}
    created_at: int | None = None
    prefix: str | None = None
    last_four: str = ""
    external_id: str | None = None

    def __repr__(self) -> str:
        return f"ImportedKey(name={self.name!r})"


class ImportKeys(msgspec.Struct, frozen=True, kw_only=True):
    """Keys of one format; a row that could not even be read is a fault."""

    format: KeyFormat
    keys: tuple[ImportedKey | FieldError, ...]
    accept_weak: bool = False
    dry_run: bool = False


class ImportReport(msgspec.Struct, frozen=True):
    """What became of all rows, in their order. ``format_id`` is ``None`` while no key of the format is stored."""

    format: KeyFormat
    format_id: str | None
    rows: tuple[RowOutcome, ...]
    is_dry_run: bool


class KeyImports:
    """Imports keys into the actor's organization. ``digesters``: the present one, then the retired."""

    def __init__(self, database: Database, draw: Draw, digesters: Sequence[Digester]) -> None:
        self._database = database
        self._draw = draw
        self._digesters = tuple(digesters)

    async def run(self, actor: Actor, command: ImportKeys) -> ImportReport | Problem:
        """Store what can be stored. Nobody gives a key more than they hold.

        A failure of the database on the way leaves what is stored by then; the same import again goes on from there.
        """
        if problem := actor.lacks(API_KEYS_IMPORT):
            return problem
        if command.format.is_weak and not command.accept_weak:
            return WeakKeyFormat(
                f"Keys of this format hold {command.format.bits:.0f} bits at most, fewer than {WEAK_BITS}: they could "
                "be guessed. Import them with accept_weak, and rotate them soon."
            )
        now = self._draw.clock()
        new_format_id = self._draw.new_id("fmt", now)
        outcomes: list[RowOutcome] = []
        format_id = None
        # A dry run is one reading: so it sees, as the import would, which rows are there twice.
        size = len(command.keys) if command.dry_run else CHUNK
        for start in range(0, len(command.keys), size):
            rows: list[Prepared] = []
            for index, row in enumerate(command.keys[start : start + size]):
                if index % _BREATH == 0:
                    await asyncio.sleep(0)
                rows.append(self._prepare(actor, row, command.format, now))
            chunk = Chunk(actor, command.format, tuple(rows), now)
            if command.dry_run:
                done: Done | Problem = await self._database.read(chunk.look)
            else:
                happening = self._draw.happening(actor, now)
                done = await self._database.write(
                    partial(chunk.store, happening, new_format_id, self._digesters[0].fingerprint)
                )
            if isinstance(done, Problem):
                return done
            format_id = done.format_id
            outcomes += done.outcomes
        return ImportReport(command.format, format_id, tuple(outcomes), command.dry_run)

    def _prepare(self, actor: Actor, row: ImportedKey | FieldError, known: KeyFormat, now_us: int) -> Prepared:
        """Return the key that a row makes as far as that can be told without the database."""
        if isinstance(row, FieldError):
            return RowOutcome("refused", fault=row)
        if problem := check_expiry(row.expires_at, now_us):
            return refused(problem)
        if row.created_at is not None and row.created_at > now_us:
            return refused(invalid("created_at", "must not be in the future"))
        if row.external_id is not None and row.metadata.get(EXTERNAL_ID, row.external_id) != row.external_id:
            return refused(invalid(EXTERNAL_ID, "stands in metadata too, and is another one there"))
        access = merge_scopes(row.access, row.scopes)
        if isinstance(access, Problem):
            return refused(access)
        networks = canonical_networks(row.allowed_networks)
        if isinstance(networks, Problem):
            return refused(networks)
        key = ApiKey(
            id=self._draw.new_id("key", now_us),
            organization_id=actor.organization_id,
            project_id=actor.project_id if row.project_id is None else row.project_id,
            name=row.name,
            description=row.description,
            mode=row.mode,
            access=access,
            allowed_networks=networks,
            metadata=row.metadata if row.external_id is None else {**row.metadata, EXTERNAL_ID: row.external_id},
            prefix=(known.prefix if row.prefix is None else row.prefix).removesuffix("_"),
            last_four=row.last_four,
            created_at=now_us if row.created_at is None else row.created_at,
            created_by=actor.credential_id,
            expires_at=row.expires_at,
        )
        return Candidate(key, tuple(digester.of_sha256(row.sha256) for digester in self._digesters))
