"""Permission by role by kind of credential, in the operator's organization and in a customer's, before the judge.

What each role holds is written down here once more, by hand: who widens one has to say so twice.
"""

import itertools
from typing import Final

import pytest

from tests.unit.credential_records import CUSTOMER, OPERATOR, api, credential, record
from wayvo.core.access.grants import Access
from wayvo.core.access.permissions import OWN_AUDIENCE, PERMISSIONS, VERIFY, CredentialKind, may_hold
from wayvo.core.access.roles import BUILT_IN
from wayvo.core.credentials.format import Mode
from wayvo.core.credentials.record import ApiRecord, CredentialRecords, UserRecord
from wayvo.core.decision import Code
from wayvo.verify.cells import Cells
from wayvo.verify.judge import Question, judge
from wayvo.verify.snapshot import Compiler

NAMES: Final = tuple(permission.name for permission in PERMISSIONS)
SEEING: Final = frozenset(
    {"organizations:read", "users:read", "roles:read", "projects:read", "api-keys:read", "apis:read"}
)
INSTALLATION: Final = frozenset({"installation:read", "installation:write"})
HELD: Final = {
    "owner": frozenset(NAMES),
    "admin": SEEING
    | {
        "organizations:write",
        "users:write",
        "roles:write",
        "projects:write",
        "api-keys:write",
        "api-keys:import",
        "apis:write",
        "apis:use",
        "audit-events:read",
    },
    "developer": SEEING | {"api-keys:write", "apis:use"},
    "viewer": SEEING,
}
KEYS: Final = (CredentialKind.SERVICE_ACCOUNT_KEY, CredentialKind.USER_KEY)

_numbers = itertools.count(1)


def own_api() -> ApiRecord:
    built_in = api(OWN_AUDIENCE)
    return ApiRecord(
        audience=OWN_AUDIENCE,
        id=built_in.id,
        organization_id=OPERATOR,
        is_private=False,
        declared=frozenset(NAMES),
    )


def code_for(
    permission: str, access: Access, user: UserRecord | None, organization_id: str, roles: dict[str, Access]
) -> Code:
    presented = credential(next(_numbers))
    stored = record(presented, access=access, organization_id=organization_id, user=user)
    records = CredentialRecords((stored,), {OWN_AUDIENCE: own_api()}, roles)
    (known,) = Compiler(Cells()).compile(records).values()
    return judge(known, Question(OWN_AUDIENCE, (permission,), Mode.LIVE, None), 0).code


def may(permission: str, held: frozenset[str], organization_id: str) -> bool:
    is_operators = organization_id == OPERATOR
    if permission in INSTALLATION or permission == VERIFY:
        # By a wildcard, to ask about credentials is only in the hands of whose API it is.
        return is_operators and permission in held
    return permission in held


@pytest.mark.parametrize("organization_id", [OPERATOR, CUSTOMER])
@pytest.mark.parametrize("permission", NAMES)
@pytest.mark.parametrize("role", HELD)
def test_a_built_in_role_gives_to_each_kind_of_key_what_it_holds_and_nothing_else(
    role: str, permission: str, organization_id: str
) -> None:
    allowed = may(permission, HELD[role], organization_id)
    of_user = code_for(permission, {OWN_AUDIENCE: ("*",)}, UserRecord("usr_1", role), organization_id, {})
    assert (of_user is Code.VALID) == allowed
    of_service_account = code_for(permission, BUILT_IN[role].access, None, organization_id, {})
    assert (of_service_account is Code.VALID) == allowed
    assert {of_user, of_service_account} <= {Code.VALID, Code.INSUFFICIENT_SCOPE}


@pytest.mark.parametrize("organization_id", [OPERATOR, CUSTOMER])
@pytest.mark.parametrize("permission", NAMES)
@pytest.mark.parametrize("held", NAMES)
def test_a_custom_role_of_one_permission_gives_that_one_alone(held: str, permission: str, organization_id: str) -> None:
    roles: dict[str, Access] = {"rol_1": {OWN_AUDIENCE: (held,)}}
    user = UserRecord("usr_1", "rol_1")
    access = {OWN_AUDIENCE: ("*", *NAMES)}
    # By its name, to ask about credentials may be given to another organization.
    allowed = held == permission and (permission not in INSTALLATION or organization_id == OPERATOR)
    assert (code_for(permission, access, user, organization_id, roles) is Code.VALID) == allowed
    assert (code_for(permission, {OWN_AUDIENCE: (held,)}, None, organization_id, {}) is Code.VALID) == allowed


@pytest.mark.parametrize("permission", PERMISSIONS, ids=NAMES)
@pytest.mark.parametrize("kind", CredentialKind)
@pytest.mark.parametrize("is_operators", [True, False])
def test_the_catalogue_says_of_every_kind_whether_it_may_ever_hold_a_permission(
    permission: object, kind: CredentialKind, is_operators: bool
) -> None:
    known = next(each for each in PERMISSIONS if each is permission)
    expected = kind in known.kinds and (is_operators or known.name not in INSTALLATION)
    assert may_hold(kind, known.name, is_operators=is_operators) == expected
    # Nobody who reads a consent page gives an application the keys to the house.
    if known.name in {"users:write", "roles:write", "organizations:write", "api-keys:import", *INSTALLATION}:
        assert known.kinds == frozenset(KEYS)
