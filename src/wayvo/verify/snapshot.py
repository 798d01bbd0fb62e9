"""A credential as verification wants it: compiled when it is read, so that a decision only compares.

What many keys have in common (their owner, their access, their networks) is one shared object: a snapshot of its own
costs a few hundred bytes.
"""

from typing import Final, TypeVar
from weakref import WeakValueDictionary

import msgspec

from wayvo.core.access.grants import Access, effective_scopes
from wayvo.core.access.permissions import VERIFY
from wayvo.core.credentials.format import Mode
from wayvo.core.credentials.record import ApiRecord, CredentialRecord, CredentialRecords
from wayvo.core.networks import Networks, compile_networks
from wayvo.core.operations import Operations, compile_operations
from wayvo.verify.cells import Cell, Cells, Reading

K = TypeVar("K")
V = TypeVar("V")

NEVER: Final = (1 << 63) - 1


class Owner(msgspec.Struct, frozen=True, weakref=True):
    """The project a key belongs to, which is its principal, and the organization above it; ``head`` as headers."""

    organization: Cell
    organization_version: int
    project: Cell
    project_version: int
    is_archived: bool
    head: bytes

    @property
    def organization_id(self) -> str:
        """The organization's id."""
        return self.organization.subject

    @property
    def project_id(self) -> str:
        """The project's id."""
        return self.project.subject


class Opening(msgspec.Struct, frozen=True, gc=False):
    """What a credential holds at one audience: what its patterns stand for among the declared; ``head`` as a header.

    ``operations`` are the API's, for everybody alike; ``None`` if it declares none.
    """

    scopes: frozenset[str]
    sorted_scopes: tuple[str, ...]
    head: bytes
    operations: Operations | None = None


class Holding(msgspec.Struct, frozen=True, weakref=True):
    """A credential's whole access: what it was given, and what that opens, per audience."""

    access: Access
    openings: dict[str, Opening]
    verifies: frozenset[str]
    readings: tuple[Reading, ...]


class Snapshot(msgspec.Struct, frozen=True, gc=False):
    """A stored credential at one moment. ``expires_at`` is :data:`NEVER` for one without expiry."""

    credential_id: str
    mode: Mode
    is_revoked: bool
    expires_at: int
    networks: Networks | None
    owner: Owner
    holding: Holding

    def is_current(self) -> bool:
        """Say whether nothing that the snapshot was compiled from has changed since."""
        owner = self.owner
        if owner.project.version != owner.project_version or owner.organization.version != owner.organization_version:
            return False
        for reading in self.holding.readings:
            if reading.cell.version != reading.version:
                return False
        return True


class Compiler:
    """Compiles records into snapshots that share what they have in common."""

    def __init__(self, cells: Cells) -> None:
        self._cells = cells
        self._owners: WeakValueDictionary[str, Owner] = WeakValueDictionary()
        self._holdings: WeakValueDictionary[bytes, Holding] = WeakValueDictionary()
        self._operations: WeakValueDictionary[str, Operations] = WeakValueDictionary()
        self._networks: WeakValueDictionary[tuple[str, ...], Networks] = WeakValueDictionary()

    def compile(self, records: CredentialRecords) -> dict[bytes, Snapshot]:
        """Return a snapshot per record, by digest."""
        return {record.digest: self._snapshot(record, records.apis) for record in records.credentials}

    def _snapshot(self, record: CredentialRecord, apis: dict[str, ApiRecord]) -> Snapshot:
        return Snapshot(
            credential_id=record.id,
            mode=record.mode,
            is_revoked=record.revoked_at is not None or record.project_archived,
            expires_at=NEVER if record.expires_at is None else record.expires_at,
            networks=self._compiled_networks(record.allowed_networks),
            owner=self._owner(record),
            holding=self._holding(record, apis),
        )

    def _owner(self, record: CredentialRecord) -> Owner:
        organization = self._cells.cell("organization", record.organization_id)
        project = self._cells.cell("project", record.project_id)
        head = (
            f"wayvo-organization-id: {record.organization_id}\r\nwayvo-project-id: {record.project_id}\r\n"
            f"wayvo-principal: service_account:{record.project_id}\r\n"
        )
        owner = Owner(
            organization, organization.version, project, project.version, record.project_archived, head.encode()
        )
        return _shared(self._owners, project.subject, owner)

    def _holding(self, record: CredentialRecord, apis: dict[str, ApiRecord]) -> Holding:
        openings: dict[str, Opening] = {}
        readings: list[Reading] = []
        owned: list[str] = []
        for audience, patterns in sorted(record.access.items()):
            api = apis.get(audience)
            if api is None:
                continue
            readings.append(self._cells.read("api", api.id))
            owns_api = api.organization_id == record.organization_id
            if owns_api:
                owned.append(audience)
            if api.is_private and not owns_api:
                continue
            scopes = effective_scopes(patterns, api.declared | {VERIFY}, owns_api=owns_api)
            in_order = tuple(sorted(scopes))
            head = f"wayvo-scopes: {' '.join(in_order)}\r\n".encode()
            openings[audience] = Opening(scopes, in_order, head, self._compiled_operations(api))
        verifies = frozenset(audience for audience, opening in openings.items() if VERIFY in opening.scopes)
        holding = Holding(record.access, openings, verifies, tuple(readings))
        # Shared across organizations: who owns none of the APIs is to them like every other customer.
        key = msgspec.msgpack.encode((owned, record.access), order="deterministic")
        return _shared(self._holdings, key, holding)

    def _compiled_operations(self, api: ApiRecord) -> Operations | None:
        if not api.operations:
            return None
        there = self._operations.get(api.id)
        if there is None or there.declared != api.operations:
            there = self._operations[api.id] = compile_operations(api.operations)
        return there

    def _compiled_networks(self, cidrs: tuple[str, ...]) -> Networks | None:
        return _shared(self._networks, cidrs, compile_networks(cidrs)) if cidrs else None


def _shared(known: WeakValueDictionary[K, V], key: K, fresh: V) -> V:
    """Return the equal object that is known already, or make ``fresh`` the known one."""
    there = known.get(key)
    if there == fresh:
        return there
    known[key] = fresh
    return fresh
