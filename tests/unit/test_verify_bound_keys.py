"""A key that is bound to a user: never worth more than the key unbound, nor than what the user holds now."""

from collections.abc import Mapping, Set
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.unit.credential_records import CUSTOMER, INVOICES, OPERATOR, api, credential, record
from wayvo.core.access.grants import Access, beyond, effective_scopes, held_on
from wayvo.core.access.permissions import OWN_AUDIENCE, PERMISSIONS, VERIFY, CredentialKind, holdable
from wayvo.core.access.roles import BUILT_IN, together
from wayvo.core.access.standing import Standing, standing
from wayvo.core.credentials.format import Mode
from wayvo.core.credentials.record import ApiRecord, CredentialRecord, CredentialRecords, UserRecord
from wayvo.core.decision import Code
from wayvo.verify.cells import CellKind, Cells
from wayvo.verify.judge import Question, judge, judge_for
from wayvo.verify.snapshot import Compiler, Snapshot

ANN: Final = "usr_ann"
BOTH: Final = frozenset({"invoices:read", "invoices:write"})
OWN_SCOPES: Final = frozenset(permission.name for permission in PERMISSIONS)
OWN_API: Final = replace(api(OWN_AUDIENCE), declared=OWN_SCOPES)
APIS: Final = {INVOICES: api(), OWN_AUDIENCE: OWN_API}
KEY: Final = record(credential(1), access={INVOICES: ("*",), OWN_AUDIENCE: ("*",)})


def bound(role: str | None, project_role: str | None = None, *, key: CredentialRecord = KEY) -> CredentialRecord:
    return replace(key, user=UserRecord(ANN, role, project_role))


def compiled(
    key: CredentialRecord,
    roles: Mapping[str, Access] = {},
    apis: Mapping[str, ApiRecord] = APIS,
    compiler: Compiler | None = None,
) -> Snapshot:
    records = CredentialRecords((key,), dict(apis), dict(roles))
    return (compiler or Compiler(Cells())).compile(records)[key.digest]


def opened(snapshot: Snapshot, audience: str = INVOICES) -> Set[str] | None:
    opening = snapshot.holding.openings.get(audience)
    return None if opening is None else opening.scopes


def decide(snapshot: Snapshot, *scopes: str, audience: str = INVOICES) -> Code:
    return judge(snapshot, Question(audience, scopes, Mode.LIVE, None), 0).code


def test_an_owners_key_opens_what_it_was_given() -> None:
    key = bound("owner", key=replace(KEY, access={INVOICES: ("invoices:read",), OWN_AUDIENCE: ("users:*",)}))
    assert opened(compiled(key)) == {"invoices:read"}
    assert opened(compiled(key), OWN_AUDIENCE) == {"users:read", "users:write"}


def test_on_wayvos_own_audience_a_role_narrows_what_was_given() -> None:
    read = {"api-keys:read", "apis:read", "organizations:read", "projects:read", "roles:read", "users:read"}
    assert opened(compiled(bound("viewer")), OWN_AUDIENCE) == read


def test_who_holds_nothing_on_an_api_is_denied_there_even_if_no_scope_is_asked_for() -> None:
    viewers = compiled(bound("viewer"))
    assert opened(viewers) is None
    assert (decide(viewers), decide(viewers, "invoices:read")) == (Code.WRONG_AUDIENCE, Code.WRONG_AUDIENCE)
    assert decide(compiled(bound("developer"))) is Code.VALID


def test_a_verifier_of_the_api_is_told_so_of_a_key_that_was_given_access_to_it() -> None:
    verifier = compiled(record(credential(2), access={INVOICES: (VERIFY,)}))
    asked = Question(INVOICES, (), Mode.LIVE, None)
    for key, code in ((bound("viewer"), Code.WRONG_AUDIENCE), (bound(None), Code.REVOKED)):
        decision = judge_for(verifier, compiled(key), asked, 0)
        assert decision.code is code
        assert decision.snapshot is not None
    elsewhere = replace(KEY, access={OWN_AUDIENCE: ("*",)})
    assert judge_for(verifier, compiled(bound(None, key=elsewhere)), asked, 0).code is Code.UNKNOWN


def test_who_is_no_member_speaks_through_no_key() -> None:
    left = compiled(bound(None))
    assert (left.denial, left.holding.openings) == (Code.REVOKED, {})


def test_a_disabled_organization_is_told_of_every_key_but_those_that_are_dead_for_good() -> None:
    disabled = replace(KEY, organization_disabled=True)
    assert compiled(disabled).denial is Code.ORGANIZATION_DISABLED
    assert compiled(bound("owner", key=disabled)).denial is Code.ORGANIZATION_DISABLED
    assert compiled(bound(None, key=disabled)).denial is Code.REVOKED
    assert compiled(replace(disabled, revoked_at=1)).denial is Code.REVOKED
    assert compiled(replace(disabled, expires_at=0)).denial is Code.ORGANIZATION_DISABLED


def test_the_role_in_the_project_counts_on_protected_apis() -> None:
    assert opened(compiled(bound("viewer", "developer"))) == BOTH | {VERIFY}


def test_the_role_in_the_project_is_kept_apart_on_wayvos_own_audience() -> None:
    snapshot = compiled(bound("viewer", "developer"))
    in_project = snapshot.holding.in_project
    assert in_project is not None
    assert "api-keys:write" in in_project.scopes
    assert "api-keys:write" not in (opened(snapshot, OWN_AUDIENCE) or ())
    assert "apis:use" in in_project.access[OWN_AUDIENCE]
    assert "apis:use" not in snapshot.holding.access[OWN_AUDIENCE]
    assert compiled(bound("viewer")).holding.in_project is None
    assert compiled(KEY).holding.in_project is None


def test_who_holds_something_in_a_project_alone_may_call_the_management_api_with_no_scopes_beyond_it() -> None:
    snapshot = compiled(bound("rol_none", "developer"), {"rol_none": {}})
    assert opened(snapshot, OWN_AUDIENCE) == frozenset()
    assert decide(snapshot, audience=OWN_AUDIENCE) is Code.VALID
    assert decide(snapshot, "api-keys:read", audience=OWN_AUDIENCE) is Code.INSUFFICIENT_SCOPE


def test_a_custom_role_gives_what_it_allows_and_nothing_once_it_is_gone() -> None:
    key = bound("rol_1")
    assert opened(compiled(key, {"rol_1": {INVOICES: ("invoices:read",)}})) == {"invoices:read"}
    assert opened(compiled(key)) is None
    assert compiled(key).denial is None


@pytest.mark.parametrize("user", [None, UserRecord(ANN, "owner")])
def test_only_the_operators_own_keys_ever_hold_what_is_the_operators(user: UserRecord | None) -> None:
    operators = replace(KEY, user=user)
    customers = replace(operators, organization_id=CUSTOMER, is_operators=False)
    assert "installation:write" in (opened(compiled(operators), OWN_AUDIENCE) or ())
    held = opened(compiled(customers), OWN_AUDIENCE) or frozenset()
    assert held == OWN_SCOPES - {"installation:read", "installation:write", VERIFY}


def test_a_bound_key_speaks_for_its_user_an_unbound_one_for_the_service_account() -> None:
    for key, principal in ((bound("owner"), f"user:{ANN}"), (KEY, "service_account:prj_1")):
        owner = compiled(key).owner
        assert f"{owner.principal.type}:{owner.principal.id}" == principal
        assert f"wayvo-principal: {principal}\r\n".encode() in owner.head


@pytest.mark.parametrize(
    ("kind", "subject"),
    [("member", ANN), ("role", "rol_1"), ("role", "rol_2"), ("organization", OPERATOR), ("project", "prj_1")],
)
@pytest.mark.parametrize("role", ["rol_1", None])
def test_a_bound_key_is_read_again_when_anything_of_its_users_changes(
    kind: CellKind, subject: str, role: str | None
) -> None:
    cells = Cells()
    known = compiled(bound(role, role and "rol_2"), compiler=Compiler(cells))
    cells.bump("member", "usr_somebody_else")
    cells.bump("role", "rol_3")
    assert known.is_current()
    cells.bump(kind, subject)
    assert known.is_current() == (kind == "role" and role is None)


def test_another_members_change_leaves_unbound_keys_alone() -> None:
    cells = Cells()
    known = compiled(KEY, compiler=Compiler(cells))
    cells.bump("member", ANN)
    assert known.is_current()


def test_keys_of_one_user_in_one_project_share_what_they_hold_and_no_others_do() -> None:
    compiler = Compiler(Cells())

    def holding(user: UserRecord | None, number: int = 1) -> object:
        kept.append(compiled(replace(KEY, digest=bytes([number]), user=user), compiler=compiler))
        return kept[-1].owner, kept[-1].holding

    kept: list[Snapshot] = []
    first, second = holding(UserRecord(ANN, "owner"), 1), holding(UserRecord(ANN, "owner"), 2)
    assert first == second
    assert kept[0].holding is kept[1].holding
    assert kept[0].owner is kept[1].owner
    holding(UserRecord("usr_bob", "owner"))
    holding(None)
    assert len({id(snapshot.holding) for snapshot in kept}) == 3
    assert len({id(snapshot.owner) for snapshot in kept}) == 3


def test_keys_read_together_hold_what_each_of_them_read_alone_holds() -> None:
    customers = replace(KEY, organization_id=CUSTOMER, is_operators=False)
    keys = [
        replace(key, digest=bytes([number]))
        for number, key in enumerate(
            (
                KEY,
                customers,
                replace(customers, is_operators=True),
                replace(KEY, access={INVOICES: ("*",)}),
                bound("owner"),
                bound("viewer"),
                bound("viewer", "developer"),
                bound(None),
                bound("viewer", key=customers),
                replace(KEY, user=UserRecord("usr_bob", "viewer")),
            )
        )
    ]
    together_read = Compiler(Cells()).compile(CredentialRecords(tuple(keys), dict(APIS)))
    alone = {key.digest: compiled(key) for key in keys}
    assert {digest: known.holding for digest, known in together_read.items()} == {
        digest: known.holding for digest, known in alone.items()
    }


# Never more, whatever was given and whatever is held

PATTERNS: Final = ("*", "invoices:*", "invoices:read", "invoices:write", "credentials:*", VERIFY, "gone:read")
OWN_PATTERNS: Final = (
    "*",
    "api-keys:*",
    "api-keys:write",
    "users:read",
    "apis:*",
    "apis:use",
    "installation:*",
    VERIFY,
)


def accesses() -> st.SearchStrategy[Access]:
    def some(patterns: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
        return st.sets(st.sampled_from(patterns), min_size=1, max_size=4).map(lambda held: tuple(sorted(held)))

    return st.fixed_dictionaries({}, optional={INVOICES: some(PATTERNS), OWN_AUDIENCE: some(OWN_PATTERNS)})


ROLE_NAMES: Final = st.sampled_from([*BUILT_IN, "rol_1", "rol_2", "rol_gone"])


@given(
    given_access=accesses(),
    customs=st.fixed_dictionaries({"rol_1": accesses(), "rol_2": accesses()}),
    role=ROLE_NAMES,
    project_role=st.none() | ROLE_NAMES,
    declared=st.sets(st.sampled_from(sorted(BOTH | {"refunds:write"}))),
    is_ours=st.booleans(),
    is_private=st.booleans(),
)
def test_a_bound_key_holds_and_gives_no_more_than_the_key_unbound_nor_than_its_user(
    *,
    given_access: Access,
    customs: dict[str, Access],
    role: str,
    project_role: str | None,
    declared: set[str],
    is_ours: bool,
    is_private: bool,
) -> None:
    organization = OPERATOR if is_ours else CUSTOMER
    key = replace(KEY, access=given_access, organization_id=organization, is_operators=is_ours)
    apis = {INVOICES: replace(api(is_private=is_private), declared=frozenset(declared)), OWN_AUDIENCE: OWN_API}
    snapshot = compiled(bound(role, project_role, key=key), customs, apis)
    unbound = compiled(key, customs, apis)
    held = standing(role, project_role, customs)
    for audience, opening in snapshot.holding.openings.items():
        assert opening.scopes <= unbound.holding.openings[audience].scopes
        assert opening.scopes <= _user_scopes(held, audience, apis[audience], is_ours=is_ours)
    assert snapshot.holding.verifies <= unbound.holding.verifies
    for access, giver in (
        (snapshot.holding.access, held.everywhere),
        (together((snapshot.holding.access, _in_project_access(snapshot))), held.in_all()),
    ):
        owned = frozenset(apis) if is_ours else frozenset[str]()
        for wanted in ({INVOICES: (pattern,)} for pattern in PATTERNS):
            if not beyond(access, wanted, owned_audiences=owned):
                assert not beyond(giver, wanted, owned_audiences=owned)
                assert not beyond(given_access, wanted, owned_audiences=owned)
        for wanted in ({OWN_AUDIENCE: (pattern,)} for pattern in OWN_PATTERNS):
            if not beyond(access, wanted, owned_audiences=owned):
                assert not beyond(giver, wanted, owned_audiences=owned)
                assert not beyond(given_access, wanted, owned_audiences=owned)
    in_project = snapshot.holding.in_project
    if in_project is not None:
        assert in_project.scopes <= unbound.holding.openings[OWN_AUDIENCE].scopes
        assert in_project.scopes <= effective_scopes(
            held.in_project.get(OWN_AUDIENCE, ()), OWN_SCOPES, owns_api=is_ours
        )


def _in_project_access(snapshot: Snapshot) -> Access:
    return {} if snapshot.holding.in_project is None else snapshot.holding.in_project.access


def _user_scopes(held: Standing, audience: str, declaring: ApiRecord, *, is_ours: bool) -> frozenset[str]:
    """Return what a user's own hands could open, by the words of the rule and not of the compiler."""
    access = held.everywhere if audience == OWN_AUDIENCE else held.in_all()
    patterns = held_on(audience, access, is_owned=is_ours)
    scopes = effective_scopes(patterns, declaring.declared | {VERIFY}, owns_api=is_ours)
    return scopes & holdable(CredentialKind.USER_KEY, is_operators=is_ours) if audience == OWN_AUDIENCE else scopes
