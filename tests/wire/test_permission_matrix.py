"""Each operation needs the permission that its description names, and no other opens it."""

import itertools

import httpx
import pytest

from tests.harness.described import Described, operations
from tests.harness.people import join
from tests.harness.server import RunningServer
from tests.harness.things import things_of
from wayvo.core.access.permissions import OWN_AUDIENCE, PERMISSIONS
from wayvo.core.access.roles import BUILT_IN_ROLES, Role
from wayvo.core.access.scopes import flatten

NEEDS_NONE = frozenset({"whoami"})

_numbers = itertools.count()


def _code(response: httpx.Response) -> object:
    return response.json().get("code") if response.content else None


@pytest.fixture(scope="module")
def described(shared_server: RunningServer) -> list[Described]:
    """What is not public: it needs a credential."""
    document = shared_server.client(None).get("/openapi.json").json()
    return [operation for operation in operations(document) if not operation.is_public]


def test_every_operation_says_which_permission_it_needs_and_every_permission_opens_one(
    described: list[Described],
) -> None:
    named = {permission.name for permission in PERMISSIONS}
    for operation in described:
        assert operation.id in NEEDS_NONE or operation.permissions, operation.id
        assert set(operation.permissions) <= named, operation.id
    opened = {permission for operation in described for permission in operation.permissions}
    # These two are about other APIs: the one is asked at verification, the other when access is given.
    assert named - opened <= {"credentials:verify", "apis:use"}


def test_without_its_permission_an_operation_is_refused_whatever_else_is_held(
    shared_server: RunningServer, described: list[Described]
) -> None:
    all_of_it = shared_server.client()
    ids = things_of(all_of_it, f"denied-{next(_numbers)}")
    for operation in described:
        if operation.id in NEEDS_NONE:
            continue
        others = [each.name for each in PERMISSIONS if each.name not in operation.permissions]
        caller = shared_server.client(shared_server.create_key(access={OWN_AUDIENCE: others})["api_key"])
        response = operation.call(caller, ids)
        assert (response.status_code, _code(response)) == (403, "insufficient_scope"), (operation.id, response.text)


def test_with_its_permission_alone_an_operation_is_open(
    shared_server: RunningServer, described: list[Described]
) -> None:
    for operation in described:
        ids = things_of(shared_server.client(), f"allowed-{next(_numbers)}")
        held = list(operation.permissions) or ["users:read"]
        caller = shared_server.client(shared_server.create_key(access={OWN_AUDIENCE: held})["api_key"])
        response = operation.call(caller, ids)
        # What it would give to others it may lack; the door is open all the same.
        assert response.status_code < 500
        assert _code(response) not in ("insufficient_scope", "missing_credential"), (operation.id, response.text)
        if operation.method == "GET":
            assert response.status_code == 200, (operation.id, response.text)


@pytest.mark.parametrize("role", BUILT_IN_ROLES, ids=[role.name for role in BUILT_IN_ROLES])
def test_a_member_does_with_a_key_what_the_role_allows_and_nothing_else(
    shared_server: RunningServer, described: list[Described], role: Role
) -> None:
    operator = shared_server.client()
    held = flatten(role.access[OWN_AUDIENCE], [permission.name for permission in PERMISSIONS])
    ids = things_of(operator, f"{role.name}-{next(_numbers)}")
    for operation in described:
        if operation.id in NEEDS_NONE:
            continue
        if operation.method != "GET" and not held.isdisjoint(operation.permissions):
            # An earlier operation may have changed or removed what this one is about.
            ids = things_of(operator, f"{role.name}-{next(_numbers)}")
        member = join(operator, role.id)
        key = shared_server.create_key(access=role.access, user_id=member["id"])
        response = operation.call(shared_server.client(key["api_key"]), ids)
        assert response.status_code < 500, (operation.id, response.text)
        if held.isdisjoint(operation.permissions):
            assert (response.status_code, _code(response)) == (403, "insufficient_scope"), (operation.id, response.text)
        elif operation.permissions[0] in held:
            assert _code(response) != "insufficient_scope", (operation.id, response.text)
