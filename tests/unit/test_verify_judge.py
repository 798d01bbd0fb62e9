"""The decision: one ordered table, and who may hear it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.unit.credential_records import snapshot
from wayvo.core.access.permissions import OWN_AUDIENCE, VERIFY
from wayvo.core.credentials.format import Mode
from wayvo.core.decision import Code
from wayvo.core.networks import compile_networks
from wayvo.core.operations import NOT_TOLD, ApiOperation, Operation, Operations, compile_operations
from wayvo.verify.cache import ABSENT
from wayvo.verify.judge import Question, judge, judge_for, may_ask_from_anywhere
from wayvo.verify.snapshot import Snapshot

A, B, C = "https://a.example", "https://b.example", "https://c.example"
NOW = 1_000_000
WANTED = Question(A, ("invoices:read",), Mode.LIVE, "192.0.2.1")

FAULTS: dict[Code, dict[str, object]] = {
    Code.REVOKED: {"denial": Code.REVOKED},
    Code.ORGANIZATION_DISABLED: {"denial": Code.ORGANIZATION_DISABLED},
    Code.EXPIRED: {"expires_at": NOW},
    Code.WRONG_MODE: {"mode": Mode.TEST},
    Code.WRONG_AUDIENCE: {"holding": snapshot({B: ("invoices:read",)}).holding},
    Code.NETWORK_DENIED: {"networks": compile_networks(["198.51.100.0/24"])},
    Code.INSUFFICIENT_SCOPE: {"holding": snapshot({A: ("invoices:write",)}).holding},
}
"""What makes a key fail with each code, in the order in which the judge looks."""


def good() -> Snapshot:
    return snapshot({A: ("invoices:read", "invoices:write")})


def test_a_key_with_nothing_wrong_is_valid() -> None:
    assert judge(good(), WANTED, NOW).code is Code.VALID


@given(st.sets(st.sampled_from(list(FAULTS)), min_size=1))
def test_the_first_thing_that_is_wrong_gives_the_code(codes: set[Code]) -> None:
    wrong = good()
    # In reverse, so that the earlier of two faults in one field stands.
    for code in reversed(FAULTS):
        if code in codes:
            wrong = replace(wrong, **FAULTS[code])
    assert judge(wrong, WANTED, NOW).code is next(code for code in FAULTS if code in codes)


def with_operations(key: Snapshot, operations: Operations | None) -> Snapshot:
    opening = replace(key.holding.openings[A], operations=operations)
    return replace(key, holding=replace(key.holding, openings={A: opening}))


READ = ApiOperation(methods=("GET",), path="/invoices", scopes=("invoices:read",))
BOTH = ApiOperation(methods=("PUT",), path="/invoices", scopes=("invoices:read", "invoices:write"))


def test_an_operation_needs_the_scopes_that_the_api_declares_for_it_whatever_the_question_names() -> None:
    reader = with_operations(snapshot({A: ("invoices:read",)}), compile_operations((READ, BOTH)))
    for method, code in (
        ("GET", Code.VALID),
        ("PUT", Code.INSUFFICIENT_SCOPE),
        ("POST", Code.UNKNOWN_OPERATION),
    ):
        for scopes in ((), ("invoices:write",)):
            question = replace(WANTED, scopes=scopes, operation=Operation(method, "/invoices"))
            assert judge(reader, question, NOW).code is code


def test_what_is_not_told_is_no_operation_even_if_every_one_is_declared() -> None:
    everything = compile_operations((ApiOperation(methods=("*",), path="/**"),))
    assert judge(with_operations(good(), everything), replace(WANTED, operation=NOT_TOLD), NOW).code is (
        Code.UNKNOWN_OPERATION
    )


def test_an_api_without_operations_has_none() -> None:
    question = replace(WANTED, operation=Operation("GET", "/"))
    assert judge(good(), question, NOW).code is Code.UNKNOWN_OPERATION


@pytest.mark.parametrize("code", [code for code in FAULTS if code is not Code.INSUFFICIENT_SCOPE])
def test_an_unknown_operation_is_said_only_of_a_credential_that_is_good_for_the_api(code: Code) -> None:
    question = replace(WANTED, operation=Operation("GET", "/"))
    assert judge(replace(good(), **FAULTS[code]), question, NOW).code is code


def test_an_expiry_is_in_force_in_its_very_microsecond() -> None:
    key = replace(good(), expires_at=NOW)
    assert judge(key, WANTED, NOW - 1).code is Code.VALID
    assert judge(key, WANTED, NOW).code is Code.EXPIRED


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("198.51.100.7", Code.VALID),
        ("::ffff:198.51.100.7", Code.VALID),
        ("198.51.101.7", Code.NETWORK_DENIED),
        ("not an address", Code.NETWORK_DENIED),
        (None, Code.NETWORK_DENIED),
    ],
)
def test_a_key_bound_to_networks_is_denied_from_elsewhere_and_from_nowhere(address: str | None, code: Code) -> None:
    bound = replace(good(), networks=compile_networks(["198.51.100.0/24"]))
    assert judge(bound, replace(WANTED, address=address), NOW).code is code


def test_every_scope_that_is_asked_for_is_needed() -> None:
    reader = snapshot({A: ("invoices:read",)})
    both = replace(WANTED, scopes=("invoices:read", "invoices:write"))
    assert judge(reader, both, NOW).code is Code.INSUFFICIENT_SCOPE
    assert judge(good(), both, NOW).code is Code.VALID
    assert judge(reader, replace(WANTED, scopes=()), NOW).code is Code.VALID


@pytest.mark.parametrize("fault", [{}, *FAULTS.values()])
def test_to_who_has_authority_elsewhere_a_credential_is_unknown_whatever_its_state(fault: dict[str, object]) -> None:
    verifier = snapshot({C: ("credentials:verify",)}, verifies=[C])
    decision = judge_for(verifier, replace(good(), **fault), replace(WANTED, audience=C), NOW)
    assert (decision.code, decision.snapshot) == (Code.UNKNOWN, None)


def test_what_is_for_another_audience_of_the_verifiers_is_said_to_be() -> None:
    verifier = snapshot({A: ("credentials:verify",), C: ("credentials:verify",)}, verifies=[A, C])
    decision = judge_for(verifier, good(), replace(WANTED, audience=C), NOW)
    assert decision.code is Code.WRONG_AUDIENCE
    assert decision.snapshot is not None


def test_access_without_the_authority_to_ask_is_none() -> None:
    verifier = snapshot({A: ("invoices:read",), C: ("credentials:verify",)}, verifies=[C])
    assert judge_for(verifier, good(), WANTED, NOW).code is Code.UNKNOWN


def test_what_does_not_exist_is_unknown() -> None:
    assert judge(ABSENT, WANTED, NOW).code is Code.UNKNOWN
    assert judge_for(snapshot({A: ("credentials:verify",)}, verifies=[A]), ABSENT, WANTED, NOW).code is Code.UNKNOWN


@pytest.mark.parametrize("address", ["192.0.2.1", "198.51.100.7", None])
@pytest.mark.parametrize("cidrs", [[], ["198.51.100.0/24"]])
@pytest.mark.parametrize("scopes", [(), (VERIFY,), ("invoices:read",), ("invoices:read", VERIFY)])
@pytest.mark.parametrize("audience", [A, B])
def test_who_may_ask_from_anywhere_may_ask_from_each_address(
    audience: str, scopes: tuple[str, ...], cidrs: list[str], address: str | None
) -> None:
    held = snapshot({A: scopes, OWN_AUDIENCE: ()}, verifies=[A] if VERIFY in scopes else [])
    asker = replace(held, networks=compile_networks(cidrs) if cidrs else None)
    decision = judge(asker, Question(audience, (VERIFY,), Mode.LIVE, address), NOW)
    if cidrs:
        assert not may_ask_from_anywhere(asker, audience)
    else:
        assert may_ask_from_anywhere(asker, audience) == (decision.code is Code.VALID)
