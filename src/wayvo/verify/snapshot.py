"""A credential as verification wants it: compiled when it is read, so that a decision only compares.

What many keys have in common (their owner, their access, their networks) is one shared object: a snapshot of its own
costs a few hundred bytes.
"""

from typing import Final, TypeVar
from weakref import WeakValueDictionary

import msgspec

from wayvo.core.access.grants import Access, effective_scopes
from wayvo.core.access.permissions import OWN_AUDIENCE, VERIFY, CredentialKind, holdable
from wayvo.core.actor import Held, Principal, principal_of
from wayvo.core.credentials.format import Mode
from wayvo.core.credentials.record import ApiRecord, CredentialRecord, CredentialRecords
from wayvo.core.decision import Code
from wayvo.core.networks import Networks, compile_networks
from wayvo.core.operations import Operations, compile_operations
from wayvo.verify.bond import Bond
from wayvo.verify.cells import Cell, Cells, Reading

K = TypeVar("K")
V = TypeVar("V")

NEVER: Final = (1 << 63) - 1

_ENCODER: Final = msgspec.msgpack.Encoder(order="deterministic")
_HOLDABLE: Final = {
    (is_bound, is_operators): holdable(kind, is_operators=is_operators)
    for is_bound, kind in ((False, CredentialKind.SERVICE_ACCOUNT_KEY), (True, CredentialKind.USER_KEY))
    for is_operators in (False, True)
}


class Owner(msgspec.Struct, frozen=True, weakref=True):
    """The project a key belongs to, and the organization above it; ``head`` as headers.

    The project's service account is the principal unless there is a user that the key is bound to.
    """

    organization: Cell
    organization_version: int
    project: Cell
    project_version: int
    head: bytes
    user_id: str | None = None

    @property
    def organization_id(self) -> str:
        """The organization's id."""
        return self.organization.subject

    @property
    def project_id(self) -> str:
        """The project's id."""
        return self.project.subject

    @property
    def principal(self) -> Principal:
        """Whom the key speaks for."""
        return principal_of(self.project.subject, self.user_id)


class Opening(msgspec.Struct, frozen=True, gc=False):
    """What a credential holds at one audience: what its patterns stand for among the declared.

    ``head`` has it as a header, ``json`` as an array; both are in order. ``operations`` are the API's, for everybody
    alike; ``None`` if it declares none.
    """

    scopes: frozenset[str]
    head: bytes
    json: str
    operations: Operations | None = None


class Holding(msgspec.Struct, frozen=True, weakref=True):
    """A credential's whole access: what it may give on, and what it opens, per audience.

    ``audiences`` are those that it was given access to, whether its user still holds anything there or not. On Wayvo's
    own audience ``openings`` and ``access`` are what counts in the whole organization; ``in_project`` is what the
    user's role in the credential's project adds, which counts inside that project.
    """

    access: Access
    openings: dict[str, Opening]
    audiences: frozenset[str]
    verifies: frozenset[str]
    readings: tuple[Reading, ...]
    in_project: Held | None = None


class Snapshot(msgspec.Struct, frozen=True, gc=False):
    """A stored credential at one moment. ``expires_at`` is :data:`NEVER` for one without expiry.

    ``denial`` is the code for one that is good for nothing, whatever is asked.
    """

    credential_id: str
    mode: Mode
    denial: Code | None
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
        holdings: dict[bytes, Holding] = {}
        return {record.digest: self._snapshot(record, records, holdings) for record in records.credentials}

    def _snapshot(
        self, record: CredentialRecord, records: CredentialRecords, holdings: dict[bytes, Holding]
    ) -> Snapshot:
        return Snapshot(
            credential_id=record.id,
            mode=record.mode,
            denial=_denial(record),
            expires_at=NEVER if record.expires_at is None else record.expires_at,
            networks=self._compiled_networks(record.allowed_networks),
            owner=self._owner(record),
            holding=self._holding(record, records, holdings),
        )

    def _owner(self, record: CredentialRecord) -> Owner:
        organization = self._cells.cell("organization", record.organization_id)
        project = self._cells.cell("project", record.project_id)
        user_id = None if record.user is None else record.user.id
        principal = principal_of(record.project_id, user_id)
        head = (
            f"wayvo-organization-id: {record.organization_id}\r\nwayvo-project-id: {record.project_id}\r\n"
            f"wayvo-principal: {principal.type}:{principal.id}\r\n"
        )
        owner = Owner(organization, organization.version, project, project.version, head.encode(), user_id)
        key = project.subject if user_id is None else f"{project.subject} {user_id}"
        return _shared(self._owners, key, owner)

    def _holding(self, record: CredentialRecord, records: CredentialRecords, compiled: dict[bytes, Holding]) -> Holding:
        """Return the record's holding; ``compiled`` are those of the same reading, which equal ones share unseen."""
        apis = {audience: api for audience in sorted(record.access) if (api := records.apis.get(audience)) is not None}
        owned = [audience for audience, api in apis.items() if api.organization_id == record.organization_id]
        # Shared across organizations: who owns none of the APIs is to them like every other customer.
        key = _ENCODER.encode((owned, record.access, record.is_operators, record.user))
        holding = compiled.get(key)
        if holding is None:
            bond = None if record.user is None else Bond(record, record.user, records.roles, frozenset(owned))
            fresh = self._compiled_holding(record, apis, bond)
            holding = compiled[key] = _shared(self._holdings, key, fresh)
        return holding

    def _compiled_holding(self, record: CredentialRecord, apis: dict[str, ApiRecord], bond: Bond | None) -> Holding:
        openings: dict[str, Opening] = {}
        audiences: list[str] = []
        for audience, api in apis.items():
            if api.is_private and api.organization_id != record.organization_id:
                continue
            audiences.append(audience)
            if bond is not None and not bond.opens(audience):
                continue
            scopes = _opened(record, api, record.access[audience])
            if bond is not None:
                scopes &= _opened(record, api, bond.held_on(audience))
            in_order = sorted(scopes)
            head = f"wayvo-scopes: {' '.join(in_order)}\r\n".encode()
            openings[audience] = Opening(
                scopes, head, msgspec.json.encode(in_order).decode(), self._compiled_operations(api)
            )
        readings = [self._cells.read("api", api.id) for api in apis.values()]
        return Holding(
            access=record.access if bond is None else bond.access,
            openings=openings,
            audiences=frozenset(audiences),
            verifies=frozenset(audience for audience, opening in openings.items() if VERIFY in opening.scopes),
            readings=(*readings, *(() if bond is None else bond.readings(self._cells))),
            in_project=None if bond is None else _held_in_project(record, bond, apis.get(OWN_AUDIENCE)),
        )

    def _compiled_operations(self, api: ApiRecord) -> Operations | None:
        if not api.operations:
            return None
        there = self._operations.get(api.id)
        if there is None or there.declared != api.operations:
            there = self._operations[api.id] = compile_operations(api.operations)
        return there

    def _compiled_networks(self, cidrs: tuple[str, ...]) -> Networks | None:
        return _shared(self._networks, cidrs, compile_networks(cidrs)) if cidrs else None


def _denial(record: CredentialRecord) -> Code | None:
    """Return what a credential is refused with whatever is asked; what is for good goes before what may pass."""
    has_left = record.user is not None and record.user.role is None
    if record.revoked_at is not None or record.project_archived or has_left:
        return Code.REVOKED
    return Code.ORGANIZATION_DISABLED if record.organization_disabled else None


def _opened(record: CredentialRecord, api: ApiRecord, patterns: tuple[str, ...]) -> frozenset[str]:
    """Return what ``patterns`` open at an API now, in the hands of a credential of this kind and organization."""
    owns_api = api.organization_id == record.organization_id
    scopes = effective_scopes(patterns, api.declared | {VERIFY}, owns_api=owns_api)
    if api.audience != OWN_AUDIENCE:
        return scopes
    return scopes & _HOLDABLE[record.user is not None, record.is_operators]


def _held_in_project(record: CredentialRecord, bond: Bond, own_api: ApiRecord | None) -> Held | None:
    """Return what the user's role in the project adds to what is held on Wayvo's own audience, if anything."""
    if own_api is None or not bond.project_access:
        return None
    given = _opened(record, own_api, record.access[OWN_AUDIENCE])
    return Held(given & _opened(record, own_api, bond.project_role_on(OWN_AUDIENCE)), bond.project_access)


def _shared(known: WeakValueDictionary[K, V], key: K, fresh: V) -> V:
    """Return the equal object that is known already, or make ``fresh`` the known one."""
    there = known.get(key)
    if there == fresh:
        return there
    known[key] = fresh
    return fresh
