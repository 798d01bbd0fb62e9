"""Access: nobody gives more than they hold, now or later, directly or by a change."""

from hypothesis import example, given
from hypothesis import strategies as st

from wayvo.core.access.grants import Access, added, beyond, effective_scopes, is_undeclared
from wayvo.core.access.permissions import APIS_USE, APIS_WRITE, OWN_AUDIENCE, VERIFY

A, B = "https://a.example", "https://b.example"

patterns = st.sampled_from(
    ("*", "invoices:*", "invoices:read", "invoices:write", "credentials:*", VERIFY, APIS_WRITE, APIS_USE)
)
held = st.lists(patterns, max_size=4, unique=True).map(tuple)
accesses = st.dictionaries(st.sampled_from((A, B, OWN_AUDIENCE)), held, max_size=3)
declared = st.frozensets(st.sampled_from(("invoices:read", "invoices:write", "orders:read", APIS_WRITE)))
owned_sets = st.frozensets(st.sampled_from((A, B, OWN_AUDIENCE)))


def opens(access: Access, audience: str, names: frozenset[str], owned: frozenset[str]) -> frozenset[str]:
    return effective_scopes(access.get(audience, ()), names | {VERIFY}, owns_api=audience in owned)


def holds(access: Access, audience: str, names: frozenset[str], owned: frozenset[str]) -> frozenset[str]:
    """Return what somebody has on one audience, be it by a permission on Wayvo's own."""
    named = opens(access, audience, names, owned)
    ruling = opens(access, OWN_AUDIENCE, frozenset({APIS_WRITE, APIS_USE}), frozenset())
    if audience == OWN_AUDIENCE:
        return named
    if audience in owned and ruling & {APIS_WRITE, APIS_USE}:
        return names | {VERIFY}
    return named | (names - {VERIFY} if APIS_USE in ruling else frozenset())


@given(accesses, accesses, owned_sets, declared)
def test_what_may_be_given_never_opens_more_than_the_giver_has_whatever_will_be_declared(
    giver: Access, wanted: Access, owned: frozenset[str], names: frozenset[str]
) -> None:
    if beyond(giver, wanted, owned_audiences=owned):
        return
    for audience in wanted:
        assert opens(wanted, audience, names, owned) <= holds(giver, audience, names, owned)


@given(accesses, owned_sets)
def test_what_is_held_may_be_given_on(giver: Access, owned: frozenset[str]) -> None:
    assert beyond(giver, giver, owned_audiences=owned) == {}


@given(accesses, accesses, owned_sets)
def test_what_is_beyond_is_named_once_and_enough_to_make_it_givable(
    giver: Access, wanted: Access, owned: frozenset[str]
) -> None:
    missing = beyond(giver, wanted, owned_audiences=owned)
    for audience, scopes in missing.items():
        assert len(set(scopes)) == len(scopes) > 0
        assert set(scopes) <= set(wanted[audience])
    mended = {
        audience: (*giver.get(audience, ()), *missing.get(audience, ())) for audience in {*giver, *wanted, *missing}
    }
    assert beyond(mended, wanted, owned_audiences=owned) == {}


def test_who_decides_what_an_api_declares_gives_access_to_it() -> None:
    giver = {OWN_AUDIENCE: (APIS_WRITE,)}
    wanted = {A: ("*", VERIFY)}
    assert beyond(giver, wanted, owned_audiences=frozenset({A, OWN_AUDIENCE})) == {}
    assert beyond(giver, wanted, owned_audiences=frozenset({OWN_AUDIENCE})) == {A: ["*", VERIFY]}


def test_who_may_use_every_api_gives_access_to_each_but_no_authority_over_the_credentials_of_others() -> None:
    giver = {OWN_AUDIENCE: (APIS_USE,)}
    assert beyond(giver, {A: ("*",), B: ("invoices:read",)}, owned_audiences=frozenset()) == {}
    assert beyond(giver, {A: (VERIFY,)}, owned_audiences=frozenset()) == {A: [VERIFY]}
    assert beyond(giver, {A: (VERIFY,)}, owned_audiences=frozenset({A})) == {}


def test_wayvos_own_audience_is_given_by_those_who_hold_it_only() -> None:
    giver = {OWN_AUDIENCE: (APIS_USE, APIS_WRITE)}
    owned = frozenset({OWN_AUDIENCE})
    assert beyond(giver, {OWN_AUDIENCE: ("users:read",)}, owned_audiences=owned) == {OWN_AUDIENCE: ["users:read"]}


def test_a_wildcard_on_somebody_elses_api_is_no_authority_to_ask_about_their_credentials() -> None:
    assert effective_scopes(("*",), frozenset({"invoices:read", VERIFY}), owns_api=False) == {"invoices:read"}
    assert beyond({A: ("*",)}, {A: (VERIFY,)}, owned_audiences=frozenset()) == {A: [VERIFY]}
    assert beyond({A: ("*",)}, {A: (VERIFY,)}, owned_audiences=frozenset({A})) == {}


@given(held, held, owned_sets, declared)
@example(("*",), ("*", VERIFY), frozenset(), frozenset())
def test_a_change_opens_nothing_that_is_not_named_as_added(
    before: tuple[str, ...], after: tuple[str, ...], owned: frozenset[str], names: frozenset[str]
) -> None:
    more = added({A: before}, {A: after})
    gained = opens({A: after}, A, names, owned) - opens({A: before}, A, names, owned)
    assert gained <= opens(more, A, names, owned)


@given(accesses)
def test_what_stays_as_it_was_adds_nothing(access: Access) -> None:
    assert added(access, access) == {}


def test_a_pattern_that_stands_for_nothing_is_undeclared_and_everything_never_is() -> None:
    names = frozenset({"invoices:read"})
    assert is_undeclared("orders:read", names)
    assert is_undeclared("orders:*", names)
    assert not is_undeclared("invoices:*", names)
    assert not is_undeclared("*", frozenset())
    assert not is_undeclared(VERIFY, frozenset())
