"""Members who change each other's rights on two nodes at once: nobody is left without an owner, nobody acts twice."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.harness.acting import Acting
from tests.harness.nodes import Node, answer
from tests.harness.people import invite, join, make_role
from tests.nodes.meeting import Meeting

pytestmark = pytest.mark.needs("postgresql")


class Both(Meeting):
    """Two nodes that meet, and the services of each."""

    def __init__(self, url: str, here: Node, there: Node) -> None:
        super().__init__(url)
        self.here, self.there = here, there
        self.acting_here = Acting(here.server)
        self.acting_there = Acting(there.server, here.server.founded)


@pytest.fixture
def meeting(pair: tuple[Node, Node], pair_url: str) -> Both:
    return Both(pair_url, *pair)


def act(acting: Acting, step: Callable[[], Any]) -> Callable[[], Any]:
    """Return a service's call as something to begin; its outcome is named."""
    return lambda: type(acting.do(step())).__name__


def test_of_two_admins_who_demote_each_other_on_two_nodes_the_second_is_none_any_more(meeting: Both) -> None:
    here, there = meeting.acting_here, meeting.acting_there
    ann, bob = (join(meeting.here.operator, "admin")["id"] for _ in range(2))
    results = meeting.first_and_second(
        act(here, lambda: here.users.change_role(here.member(ann, "admin"), bob, "viewer")),
        act(there, lambda: there.users.change_role(there.member(bob, "admin"), ann, "viewer")),
    )
    assert results == ("User", "InsufficientScope")
    roles = [answer(meeting.there.operator.get(f"/v1/users/{one}"), 200)["role"] for one in (ann, bob)]
    assert roles == ["admin", "viewer"]


def test_of_two_owners_who_leave_on_two_nodes_at_once_one_stays(meeting: Both) -> None:
    here, there = meeting.acting_here, meeting.acting_there
    operator = meeting.here.operator
    first, second = here.owner_id, join(operator, "owner")["id"]
    results = meeting.first_and_second(
        act(here, lambda: here.users.remove(here.member(first, "owner"), first)),
        act(there, lambda: there.users.remove(there.member(second, "owner"), second)),
    )
    assert results == ("User", "LastOwner")
    owners = [user["id"] for user in answer(operator.get("/v1/users"), 200)["data"] if user["role"] == "owner"]
    assert owners == [second]


def test_of_two_who_open_one_link_on_two_nodes_one_becomes_a_member(meeting: Both) -> None:
    token = invite(meeting.here.operator)["token"]
    accepted, refused = meeting.first_and_second(
        *(
            lambda node=node: node.nobody.post("/v1/invitations/accept", json={"token": token})
            for node in (meeting.here, meeting.there)
        )
    )
    member = answer(accepted, 200)["user"]
    assert answer(refused, 404)["code"] == "invitation_invalid"
    assert answer(meeting.there.operator.get(f"/v1/users/{member['id']}"), 200) == member


def test_a_role_that_is_given_on_one_node_is_not_deleted_on_another(meeting: Both) -> None:
    operator = meeting.here.operator
    member, role = join(operator), make_role(operator, "users:read")
    given, refused = meeting.first_and_second(
        lambda: meeting.here.operator.patch(f"/v1/users/{member['id']}", json={"role": role["id"]}),
        lambda: meeting.there.operator.delete(f"/v1/roles/{role['id']}"),
    )
    assert answer(given, 200)["role"] == role["id"]
    assert answer(refused, 409)["code"] == "role_in_use"


def test_a_role_that_is_deleted_on_one_node_is_not_given_on_another(meeting: Both) -> None:
    operator = meeting.here.operator
    member, role = join(operator), make_role(operator, "users:read")
    deleted, refused = meeting.first_and_second(
        lambda: meeting.here.operator.delete(f"/v1/roles/{role['id']}"),
        lambda: meeting.there.operator.patch(f"/v1/users/{member['id']}", json={"role": role["id"]}),
    )
    answer(deleted, 200)
    assert answer(refused, 422)["code"] == "invalid_field"


def test_a_role_that_is_widened_on_one_node_is_not_given_on_another_by_who_holds_less(meeting: Both) -> None:
    here, there = meeting.acting_here, meeting.acting_there
    operator = meeting.here.operator
    admin, member = join(operator, "admin")["id"], join(operator)["id"]
    role = make_role(operator, "users:read")["id"]
    widened, refused = meeting.first_and_second(
        lambda: operator.patch(f"/v1/roles/{role}", json={"permissions": ["*"]}).json()["permissions"],
        act(there, lambda: there.users.change_role(there.member(admin, "admin"), member, role)),
    )
    assert (widened, refused) == (["*"], "AccessNotHeld")
    assert here.organization_id == there.organization_id


def test_nobody_waits_for_a_change_of_members_who_only_makes_a_key(meeting: Both) -> None:
    member = join(meeting.here.operator)
    with meeting.no_commits():
        changing = meeting.begin(
            lambda: meeting.here.operator.patch(f"/v1/users/{member['id']}", json={"role": "developer"})
        )
        meeting.wait_for_waiting(1)
        making = meeting.begin(lambda: meeting.there.operator.post("/v1/api-keys", json={"name": "n"}))
        # It too has come to its commit, and waits for nothing but that.
        meeting.wait_for_waiting(2)
        assert meeting.waits_for_rows() == 0
    answer(changing.result(30), 200)
    answer(making.result(30), 201)
