"""The grammar of scopes and what their wildcards stand for."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayvo.core.access.permissions import PERMISSIONS, Permission
from wayvo.core.access.scopes import (
    GRANT_PATTERN,
    MAX_SCOPE_LENGTH,
    SCOPE_PATTERN,
    covers,
    flatten,
    is_pattern,
    is_scope,
    not_covered,
)

nouns = st.sampled_from(("invoices", "invoice-lines", "a", "a.b", "invoices2"))
verbs = st.sampled_from(("read", "write", "read-all", "r"))
scopes = st.builds("{}:{}".format, nouns, verbs)
patterns = st.one_of(scopes, st.just("*"), nouns.map("{}:*".format))


@pytest.mark.parametrize("permission", PERMISSIONS)
def test_every_permission_of_wayvos_own_is_a_scope(permission: Permission) -> None:
    assert is_scope(permission.name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "invoices",
        "Invoices:read",
        "invoices:Read",
        "invoices:",
        ":read",
        "invoices:read:all",
        "invoices read",
        "invoices:read\n",
        " invoices:read",
        "1nvoices:read",
        "invoices-:read",
        "in--voices:read",
        "invoices:ré",
        "invoices:\N{ARABIC-INDIC DIGIT ONE}",
        "invoices:read\0",
        'invoices:"read"',
        "x" * MAX_SCOPE_LENGTH + ":read",
    ],
)
def test_what_is_outside_the_grammar_is_neither_scope_nor_pattern(text: str) -> None:
    assert not is_scope(text)
    assert not is_pattern(text)


@pytest.mark.parametrize("text", ["*", "invoices:*"])
def test_a_wildcard_is_a_pattern_but_no_scope(text: str) -> None:
    assert is_pattern(text)
    assert not is_scope(text)


@pytest.mark.parametrize("text", ["**", "*:read", "inv*:read", "invoices:r*", "*:*", "invoices:**"])
def test_a_wildcard_stands_for_all_or_for_all_of_a_noun_and_nothing_between(text: str) -> None:
    assert not is_pattern(text)


@given(st.text(alphabet="ab1:*.-_ \n", max_size=12))
def test_the_published_patterns_say_what_the_code_does(text: str) -> None:
    # JSON Schema's expressions know no \Z: for them $ is the very end.
    assert is_scope(text) == bool(re.fullmatch(SCOPE_PATTERN.strip("^$"), text))
    assert is_pattern(text) == bool(re.fullmatch(GRANT_PATTERN.strip("^$"), text))


@given(scopes)
def test_every_scope_is_a_token_of_rfc_6749(scope: str) -> None:
    assert is_scope(scope)
    assert re.fullmatch(r"[\x21\x23-\x5B\x5D-\x7E]+", scope)


@given(patterns, patterns, patterns)
def test_covering_is_a_partial_order(a: str, b: str, c: str) -> None:
    assert covers(a, a)
    assert covers("*", a)
    assert not (covers(a, b) and covers(b, c)) or covers(a, c)
    assert not (covers(a, b) and covers(b, a)) or a == b


@given(patterns, patterns, st.sets(scopes))
def test_what_covers_another_opens_at_least_as_much_whatever_is_declared(
    wide: str, narrow: str, declared: set[str]
) -> None:
    if covers(wide, narrow):
        assert flatten([narrow], declared) <= flatten([wide], declared)


@given(st.lists(patterns, max_size=4), st.sets(scopes))
def test_patterns_open_what_they_cover_among_what_is_declared_and_nothing_else(
    held: list[str], declared: set[str]
) -> None:
    assert flatten(held, declared) == {scope for scope in declared if any(covers(pattern, scope) for pattern in held)}


def test_a_wildcard_stays_with_its_noun() -> None:
    declared = {"invoices:read", "invoices-archive:read", "invoices2:read", "invoice:read"}
    assert flatten(["invoices:*"], declared) == {"invoices:read"}


@given(st.lists(patterns, max_size=4), st.lists(patterns, max_size=4))
def test_what_is_not_covered_is_told_in_its_order(wanted: list[str], held: list[str]) -> None:
    missing = not_covered(wanted, held)
    assert missing == [scope for scope in wanted if scope in missing]
    assert not_covered(wanted, [*held, *missing]) == []
