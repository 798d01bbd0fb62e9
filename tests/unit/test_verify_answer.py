"""The verdict as it goes out: what the encoder would have made of it, byte for byte."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.unit.credential_records import INVOICES, snapshot
from wayvo.core.actor import principal_of
from wayvo.core.credentials.format import Mode
from wayvo.core.decision import Code
from wayvo.core.ids import new_id
from wayvo.core.instants import SECOND_US, to_datetime
from wayvo.gate.verify import VerifyAnswer, answer_of
from wayvo.verify.cells import Cell
from wayvo.verify.judge import Decision
from wayvo.verify.snapshot import NEVER, Owner

LAST_INSTANT = 253_402_300_799 * SECOND_US + 999_999
"""The end of the year 9999, after which there is no RFC 3339."""

ids = st.builds(new_id, st.just("key"), st.integers(0, LAST_INSTANT), st.binary(min_size=8, max_size=8))
expiries = st.one_of(st.just(NEVER), st.integers(0, LAST_INSTANT), st.sampled_from((0, 1, SECOND_US, LAST_INSTANT)))
scopes = st.sets(st.sampled_from(("invoices:read", "invoices:write", "a.b-c:d_1", "credentials:verify"))).map(tuple)


@given(
    code=st.sampled_from(Code),
    mode=st.sampled_from(Mode),
    expires_at=expiries,
    scopes=st.none() | scopes,
    organization_id=ids,
    project_id=ids,
    user_id=st.none() | ids,
    credential_id=ids,
)
def test_a_verdict_goes_out_as_its_struct_would_be_encoded(
    *,
    code: Code,
    mode: Mode,
    expires_at: int,
    scopes: tuple[str, ...] | None,
    organization_id: str,
    project_id: str,
    user_id: str | None,
    credential_id: str,
) -> None:
    known = replace(
        snapshot({} if scopes is None else {INVOICES: scopes}, mode=mode, expires_at=expires_at),
        credential_id=credential_id,
        owner=Owner(Cell(organization_id), 0, Cell(project_id), 0, head=b"", user_id=user_id),
    )
    answer = VerifyAnswer(
        valid=code is Code.VALID,
        code=code,
        principal=principal_of(project_id, user_id),
        organization_id=organization_id,
        project_id=project_id,
        credential_id=credential_id,
        mode=mode,
        scopes=tuple(sorted(scopes or ())),
        expires_at=None if expires_at == NEVER else to_datetime(expires_at),
    )
    assert answer_of(Decision(code, known), INVOICES) == msgspec.json.encode(answer)


@pytest.mark.parametrize("code", [Code.MALFORMED, Code.UNKNOWN])
def test_a_verdict_about_nobody_goes_out_as_its_struct_would_be_encoded(code: Code) -> None:
    expected = msgspec.json.encode(VerifyAnswer(valid=False, code=code))
    assert answer_of(Decision(code, None), INVOICES) == expected
