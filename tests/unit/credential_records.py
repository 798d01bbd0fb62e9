"""Stored credentials for verification to read, and a store that answers when it is told to."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from wayvo.core.access.grants import Access
from wayvo.core.credentials.digest import Digester, RootSecret
from wayvo.core.credentials.format import Mode, mint
from wayvo.core.credentials.record import (
    ApiRecord,
    CredentialRecord,
    CredentialRecords,
    ImportState,
    Move,
    UserRecord,
)
from wayvo.core.decision import Code
from wayvo.verify.cells import Cell
from wayvo.verify.snapshot import NEVER, Holding, Opening, Owner, Snapshot

INVOICES: Final = "https://invoices.example"
OPERATOR: Final = "org_operator"
CUSTOMER: Final = "org_customer"

digester: Final = Digester(RootSecret(b"the root secret of these tests, present"))
retired_digester: Final = Digester(RootSecret(b"the root secret of these tests, retired"))


def credential(number: int, brand: str = "wv", mode: Mode = Mode.LIVE) -> bytes:
    """Return a well-formed key of its own for each number."""
    return mint(brand, mode, number.to_bytes(32)).encode()


def record(
    presented: bytes,
    *,
    access: Access | None = None,
    project_id: str = "prj_1",
    organization_id: str = OPERATOR,
    mode: Mode = Mode.LIVE,
    networks: tuple[str, ...] = (),
    expires_at: int | None = None,
    user: UserRecord | None = None,
    under: Digester = digester,
) -> CredentialRecord:
    """Return the stored side of a presented key."""
    digest = under(presented)
    return CredentialRecord(
        digest=digest,
        id=f"key_{digest[:8].hex()}",
        organization_id=organization_id,
        project_id=project_id,
        project_archived=False,
        mode=mode,
        access={INVOICES: ("invoices:read",)} if access is None else access,
        allowed_networks=networks,
        expires_at=expires_at,
        revoked_at=None,
        is_operators=organization_id == OPERATOR,
        user=user,
    )


def api(audience: str = INVOICES, owner: str = OPERATOR, *, is_private: bool = False) -> ApiRecord:
    """Return an API that declares ``invoices:read`` and ``invoices:write``."""
    return ApiRecord(
        audience=audience,
        id=f"api_{audience}",
        organization_id=owner,
        is_private=is_private,
        declared=frozenset({"invoices:read", "invoices:write"}),
    )


def snapshot(
    openings: dict[str, tuple[str, ...]],
    *,
    verifies: Collection[str] = (),
    mode: Mode = Mode.LIVE,
    expires_at: int = NEVER,
    denial: Code | None = None,
) -> Snapshot:
    """Return a snapshot as the judge sees it."""
    return Snapshot(
        credential_id="key_1",
        mode=mode,
        denial=denial,
        expires_at=expires_at,
        networks=None,
        owner=Owner(Cell(OPERATOR), 0, Cell("prj_1"), 0, head=b""),
        holding=Holding(
            access=openings,
            openings={
                audience: Opening(frozenset(scopes), b"", msgspec.json.encode(sorted(scopes)).decode())
                for audience, scopes in openings.items()
            },
            audiences=frozenset(openings),
            verifies=frozenset(verifies),
            readings=(),
        ),
    )


class Stored:
    """Rows in memory (:class:`wayvo.verify.filler.Source`). It counts the readings that it is asked for."""

    def __init__(self, *records: CredentialRecord) -> None:
        self.rows = {record.digest: record for record in records}
        self.apis = {INVOICES: api()}
        self.readings: list[frozenset[bytes]] = []
        self.failure: Exception | None = None
        self.are_waiting = True

    async def find(self, digests: Collection[bytes]) -> CredentialRecords:
        self.readings.append(frozenset(digests))
        if self.failure is not None:
            raise self.failure
        # In an order of its own, as a database has it.
        found = tuple(record for digest, record in self.rows.items() if digest in digests)
        return CredentialRecords(found, self.apis)

    async def move(self, moves: Sequence[Move]) -> None:
        for move in moves:
            if move.new in self.rows:
                continue
            self.rows[move.new] = replace(self.rows.pop(move.old), digest=move.new)

    async def import_state(self) -> ImportState:
        return ImportState((), self.are_waiting)


class HeldBack(Stored):
    """Reads at once and answers later: what changes between is what a slow reader would miss."""

    def __init__(self, *records: CredentialRecord) -> None:
        super().__init__(*records)
        self.has_read = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def find(self, digests: Collection[bytes]) -> CredentialRecords:
        found = await super().find(digests)
        self.has_read.set()
        await self.may_answer.wait()
        return found
