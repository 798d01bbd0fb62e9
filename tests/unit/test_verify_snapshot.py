"""Compiling a stored credential: what its access opens, whose authority it carries, what it shares with others."""

import gc
from collections.abc import Set

import pytest
from msgspec.structs import replace

from tests.unit.credential_records import CUSTOMER, INVOICES, OPERATOR, api, credential, record
from wayvo.core.credentials.record import ApiRecord, CredentialRecord, CredentialRecords
from wayvo.core.decision import Code
from wayvo.core.operations import ApiOperation
from wayvo.verify.cells import Cells
from wayvo.verify.snapshot import NEVER, Compiler, Snapshot

BOTH = frozenset({"invoices:read", "invoices:write"})


def compiled(stored: CredentialRecord, *apis: ApiRecord, compiler: Compiler | None = None) -> Snapshot:
    records = CredentialRecords((stored,), {found.audience: found for found in apis or (api(),)})
    return (compiler or Compiler(Cells())).compile(records)[stored.digest]


def opened(stored: CredentialRecord, *apis: ApiRecord) -> Set[str] | None:
    opening = compiled(stored, *apis).holding.openings.get(INVOICES)
    return None if opening is None else opening.scopes


KEY = record(credential(1))


def test_patterns_open_what_the_api_declares_now() -> None:
    wild = replace(KEY, access={INVOICES: ("invoices:*",)})
    assert opened(wild) == BOTH
    assert opened(wild, replace(api(), declared=frozenset({"invoices:read"}))) == {"invoices:read"}
    assert opened(KEY, replace(api(), declared=frozenset())) == frozenset()


@pytest.mark.parametrize("pattern", ["*", "credentials:*"])
def test_a_wildcard_is_authority_to_verify_only_in_the_hands_of_the_apis_owner(pattern: str) -> None:
    owners = replace(KEY, access={INVOICES: (pattern,)}, organization_id=OPERATOR)
    customers = replace(owners, organization_id=CUSTOMER)
    assert compiled(owners).holding.verifies == {INVOICES}
    assert compiled(customers).holding.verifies == frozenset()
    assert "credentials:verify" not in (opened(customers) or ())


def test_the_authority_to_verify_can_be_given_to_another_organization_by_its_name() -> None:
    partner = replace(KEY, access={INVOICES: ("credentials:verify",)}, organization_id=CUSTOMER)
    assert compiled(partner).holding.verifies == {INVOICES}


def test_a_private_api_opens_to_its_own_organization_only() -> None:
    private = api(is_private=True)
    assert opened(KEY, private) == {"invoices:read"}
    assert opened(replace(KEY, organization_id=CUSTOMER), private) is None


def test_an_api_that_is_private_to_another_organization_gives_no_authority() -> None:
    partner = replace(KEY, access={INVOICES: ("credentials:verify",)}, organization_id=CUSTOMER)
    assert compiled(partner, api(is_private=True)).holding.verifies == frozenset()


def test_an_audience_without_an_api_opens_nothing() -> None:
    elsewhere = compiled(KEY, api("https://elsewhere.example"))
    assert (elsewhere.holding.openings, elsewhere.holding.verifies) == ({}, frozenset())


def test_an_archived_project_ends_its_keys_like_a_revocation() -> None:
    assert compiled(replace(KEY, project_archived=True)).denial is Code.REVOKED
    assert compiled(replace(KEY, revoked_at=0)).denial is Code.REVOKED
    assert compiled(KEY).denial is None


def test_no_expiry_is_never() -> None:
    assert compiled(KEY).expires_at == NEVER
    assert compiled(replace(KEY, expires_at=0)).expires_at == 0


def test_what_keys_have_in_common_is_one_object() -> None:
    compiler = Compiler(Cells())
    first = compiled(replace(KEY, allowed_networks=("192.0.2.0/24",)), compiler=compiler)
    second = compiled(record(credential(2), networks=("192.0.2.0/24",)), compiler=compiler)
    assert first.owner is second.owner
    assert first.holding is second.holding
    assert first.networks is second.networks


def test_customers_with_equal_access_to_the_operators_api_share_it_across_organizations() -> None:
    compiler = Compiler(Cells())
    first, second = (
        compiled(replace(KEY, organization_id=f"org_{name}", project_id=f"prj_{name}"), compiler=compiler)
        for name in ("one", "two")
    )
    assert first.holding is second.holding


def test_what_the_owner_of_an_api_holds_is_not_shared_with_its_customers() -> None:
    compiler = Compiler(Cells())
    wild = replace(KEY, access={INVOICES: ("*",)})
    owners = compiled(wild, compiler=compiler)
    customers = compiled(replace(wild, organization_id=CUSTOMER, project_id="prj_2"), compiler=compiler)
    assert owners.holding.verifies != customers.holding.verifies


def test_the_operations_of_an_api_are_compiled_once_for_all_who_hold_access_to_it() -> None:
    compiler = Compiler(Cells())

    def operations(number: int, path: str) -> object:
        stored = record(credential(number), access={INVOICES: (f"invoices:{('read', 'write')[number]}",)})
        declared = (ApiOperation(methods=("GET",), path=path),)
        kept.append(compiled(stored, replace(api(), operations=declared), compiler=compiler))
        return kept[-1].holding.openings[INVOICES].operations

    kept: list[Snapshot] = []
    first = operations(0, "/a")
    assert first is not None
    assert operations(1, "/a") is first
    assert operations(0, "/a") is first
    assert kept[0].holding is kept[2].holding
    assert operations(1, "/b") is not first
    assert compiled(KEY).holding.openings[INVOICES].operations is None


def test_what_an_earlier_state_compiled_to_is_not_used_for_a_later_one() -> None:
    compiler = Compiler(Cells())
    kept = compiled(KEY, compiler=compiler)
    later = compiled(KEY, replace(api(), declared=frozenset()), compiler=compiler)
    archived = compiled(replace(KEY, project_archived=True), compiler=compiler)
    assert kept.holding.openings[INVOICES].scopes == {"invoices:read"}
    assert later.holding.openings[INVOICES].scopes == frozenset()
    assert (kept.denial, archived.denial) == (None, Code.REVOKED)


@pytest.mark.parametrize(
    ("kind", "subject"), [("organization", OPERATOR), ("project", "prj_1"), ("api", f"api_{INVOICES}")]
)
def test_a_snapshot_is_current_until_something_it_hangs_on_changes(kind: str, subject: str) -> None:
    cells = Cells()
    known = compiled(KEY, compiler=Compiler(cells))
    cells.bump("project", "prj_of_somebody_else")
    assert known.is_current()
    cells.bump(kind, subject)  # type: ignore[arg-type] # a table of cases
    assert not known.is_current()


def test_a_private_api_that_opens_to_others_outdates_their_snapshots() -> None:
    cells = Cells()
    private = api(is_private=True)
    customers = compiled(replace(KEY, organization_id=CUSTOMER), private, compiler=Compiler(cells))
    cells.bump("api", private.id)
    assert not customers.is_current()


def test_what_nobody_uses_any_longer_costs_no_memory() -> None:
    compiler = Compiler(Cells())
    for number in range(100):
        stored = record(credential(number), project_id=f"prj_{number}", networks=(f"192.0.2.{number}/32",))
        compiled(replace(stored, access={INVOICES: (f"invoices:{'x' * number}z",)}), compiler=compiler)
    gc.collect()
    assert (len(compiler._owners), len(compiler._holdings), len(compiler._networks)) == (0, 0, 0)
