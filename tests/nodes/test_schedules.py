"""Two nodes meet at one row, in an order that the test decides: one of them is first, and both say the truth."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import httpx
import pytest

from tests.harness.nodes import Node, Nodes, answer
from tests.harness.proxy import SECONDS, Link, Proxy, eventually
from tests.nodes.meeting import Meeting
from tests.nodes.narrowings import NARROWINGS, Narrowing

pytestmark = pytest.mark.needs("postgresql")

Request = Callable[[], httpx.Response]


class Both(Meeting):
    """Two nodes that meet."""

    def __init__(self, url: str, here: Node, there: Node) -> None:
        super().__init__(url)
        self.here = here
        self.there = there


@pytest.fixture
def meeting(pair: tuple[Node, Node], pair_url: str) -> Both:
    return Both(pair_url, *pair)


BOTH_WAYS = pytest.mark.parametrize("is_swapped", [False, True], ids=["here first", "there first"])


def order(meeting: Both, is_swapped: bool) -> tuple[Node, Node]:
    return (meeting.there, meeting.here) if is_swapped else (meeting.here, meeting.there)


def rotation(node: Node, key_id: str, **headers: str) -> Request:
    return lambda: node.operator.post(f"/v1/api-keys/{key_id}/rotate", json={}, headers=headers)


def revocation(node: Node, key_id: str) -> Request:
    return lambda: node.operator.post(f"/v1/api-keys/{key_id}/revoke")


def change(node: Node, key_id: str, **fields: object) -> Request:
    return lambda: node.operator.patch(f"/v1/api-keys/{key_id}", json=fields)


def creation(node: Node, fields: dict[str, object], **headers: str) -> Request:
    return lambda: node.operator.post("/v1/api-keys", json={"name": "A key", **fields}, headers=headers)


def code(response: httpx.Response, status: int) -> str:
    return str(answer(response, status)["code"])


@BOTH_WAYS
def test_of_two_rotations_of_one_key_on_two_nodes_one_happens_and_the_other_is_told_so(
    meeting: Both, is_swapped: bool
) -> None:
    first, second = order(meeting, is_swapped)
    key = meeting.here.create_key(scopes=["users:read"])
    won, lost = meeting.first_and_second(rotation(first, key["id"]), rotation(second, key["id"]))
    successor = answer(won, 201)
    assert code(lost, 409) == "already_rotated"
    shown = answer(second.operator.get(f"/v1/api-keys/{key['id']}"), 200)
    assert shown["successor_id"] == successor["id"]
    assert [node.decision(successor["api_key"]) for node in (first, second)] == ["valid", "valid"]


def test_a_rotation_that_comes_after_a_revocation_makes_no_successor(meeting: Both) -> None:
    key = meeting.here.create_key(scopes=["users:read"])
    revoked, rotated = meeting.first_and_second(revocation(meeting.here, key["id"]), rotation(meeting.there, key["id"]))
    assert answer(revoked, 200)["status"] == "revoked"
    assert code(rotated, 409) == "api_key_ended"
    assert answer(meeting.there.operator.get(f"/v1/api-keys/{key['id']}"), 200)["successor_id"] is None


def test_a_revocation_that_comes_after_a_rotation_ends_the_predecessor_and_tells_of_its_successor(
    meeting: Both,
) -> None:
    key = meeting.here.create_key(scopes=["users:read"])
    rotated, revoked = meeting.first_and_second(rotation(meeting.here, key["id"]), revocation(meeting.there, key["id"]))
    successor, ended = answer(rotated, 201), answer(revoked, 200)
    assert (ended["status"], ended["successor_id"]) == ("revoked", successor["id"])
    for node in (meeting.here, meeting.there):
        node.catch_up()
        assert node.decision(key["api_key"]) == "revoked"
        assert node.decision(successor["api_key"]) == "valid"


def test_two_changes_of_one_key_on_two_nodes_both_stay(meeting: Both) -> None:
    key = meeting.here.create_key(scopes=["users:read", "projects:read"])
    narrowed, renamed = meeting.first_and_second(
        change(meeting.here, key["id"], scopes=["projects:read"]), change(meeting.there, key["id"], name="Renamed")
    )
    answer(narrowed, 200)
    shown = answer(renamed, 200)
    assert (shown["name"], shown["scopes"]) == ("Renamed", ["projects:read"])
    assert answer(meeting.here.operator.get(f"/v1/api-keys/{key['id']}"), 200) == shown | {"scopes_used": []}


@BOTH_WAYS
def test_a_creation_that_is_asked_for_on_two_nodes_at_once_happens_once(meeting: Both, is_swapped: bool) -> None:
    first, second = order(meeting, is_swapped)
    name = f"Once-{is_swapped}"
    once = {"Idempotency-Key": name}
    made, again = meeting.first_and_second(
        creation(first, {"name": name}, **once), creation(second, {"name": name}, **once)
    )
    created, replayed = answer(made, 201), answer(again, 201)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (replayed["id"], replayed["api_key"], replayed["replayed"]) == (created["id"], None, True)
    listed = answer(second.operator.get("/v1/api-keys", params={"text": name}), 200)["data"]
    assert [key["id"] for key in listed] == [created["id"]]


def test_another_creation_under_an_idempotency_key_that_is_in_use_on_another_node_is_refused(meeting: Both) -> None:
    once = {"Idempotency-Key": "taken"}
    made, refused = meeting.first_and_second(
        creation(meeting.here, {"name": "This"}, **once), creation(meeting.there, {"name": "That"}, **once)
    )
    answer(made, 201)
    assert code(refused, 409) == "idempotency_key_reused"


def test_a_rotation_that_is_asked_for_on_two_nodes_at_once_happens_once(meeting: Both) -> None:
    key = meeting.here.create_key(scopes=["users:read"])
    once = {"Idempotency-Key": "rotated-once"}
    made, again = meeting.first_and_second(
        rotation(meeting.here, key["id"], **once), rotation(meeting.there, key["id"], **once)
    )
    assert again.headers["Idempotency-Replayed"] == "true"
    assert answer(again, 201)["id"] == answer(made, 201)["id"]


@pytest.mark.parametrize(
    ("path", "body"),
    [("/v1/apis", {"audience": "https://once.example", "name": "Once"}), ("/v1/projects", {"name": "Once"})],
)
def test_an_api_or_a_project_that_is_asked_for_on_two_nodes_at_once_is_made_once(
    meeting: Both, path: str, body: dict[str, str]
) -> None:
    once = {"Idempotency-Key": f"once-{path}"}
    made, again = meeting.first_and_second(
        lambda: meeting.here.operator.post(path, json=body, headers=once),
        lambda: meeting.there.operator.post(path, json=body, headers=once),
    )
    assert again.headers["Idempotency-Replayed"] == "true"
    assert answer(again, 201)["id"] == answer(made, 201)["id"]


def test_a_creation_that_comes_after_the_archive_of_its_project_is_refused(meeting: Both) -> None:
    project = answer(meeting.here.operator.post("/v1/projects", json={"name": "Short-lived"}), 201)["id"]
    archived, created = meeting.first_and_second(
        lambda: meeting.here.operator.post(f"/v1/projects/{project}/archive"),
        creation(meeting.there, {"project_id": project}),
    )
    assert answer(archived, 200)["status"] == "archived"
    assert code(created, 409) == "project_archived"


def test_a_rotation_that_comes_after_the_archive_of_its_project_is_refused(meeting: Both) -> None:
    project = answer(meeting.here.operator.post("/v1/projects", json={"name": "Short-lived"}), 201)["id"]
    key = meeting.here.create_key(project_id=project)
    archived, rotated = meeting.first_and_second(
        lambda: meeting.here.operator.post(f"/v1/projects/{project}/archive"), rotation(meeting.there, key["id"])
    )
    assert answer(archived, 200)["status"] == "archived"
    assert code(rotated, 409) == "project_archived"


def test_an_archive_that_comes_after_a_creation_ends_the_new_key_too(meeting: Both) -> None:
    project = answer(meeting.here.operator.post("/v1/projects", json={"name": "Short-lived"}), 201)["id"]
    created, archived = meeting.first_and_second(
        creation(meeting.here, {"project_id": project, "scopes": ["users:read"]}),
        lambda: meeting.there.operator.post(f"/v1/projects/{project}/archive"),
    )
    key = answer(created, 201)
    assert answer(archived, 200)["status"] == "archived"
    for node in (meeting.here, meeting.there):
        node.catch_up()
        assert node.decision(key["api_key"]) == "revoked"


@BOTH_WAYS
def test_of_two_apis_with_one_audience_on_two_nodes_one_is_registered(meeting: Both, is_swapped: bool) -> None:
    first, second = order(meeting, is_swapped)
    body = {"audience": f"https://orders.example/{is_swapped}", "name": "Orders"}
    made, refused = meeting.first_and_second(
        lambda: first.operator.post("/v1/apis", json=body), lambda: second.operator.post("/v1/apis", json=body)
    )
    registered = answer(made, 201)
    assert code(refused, 409) == "audience_taken"
    listed = answer(second.operator.get("/v1/apis"), 200)["data"]
    assert [api["id"] for api in listed if api["audience"] == body["audience"]] == [registered["id"]]


def test_nothing_of_a_change_is_in_force_on_any_node_before_its_commit(meeting: Both) -> None:
    key = meeting.here.create_key(scopes=["users:read"])
    nodes = (meeting.here, meeting.there)
    assert [node.decision(key["api_key"]) for node in nodes] == ["valid", "valid"]
    with meeting.no_commits():
        revoking = meeting.begin(revocation(meeting.here, key["id"]))
        meeting.wait_for_waiting(1)
        assert [node.decision(key["api_key"]) for node in nodes] == ["valid", "valid"]
    assert answer(revoking.result(SECONDS), 200)["status"] == "revoked"
    assert meeting.here.decision(key["api_key"]) == "revoked"


@pytest.mark.parametrize("narrowing", NARROWINGS, ids=lambda narrowing: narrowing.name)
def test_what_was_read_before_a_change_on_another_node_is_not_kept_after_it(
    nodes: Nodes, proxy: Proxy, narrowing: Narrowing
) -> None:
    here, there = nodes.start(), nodes.start(proxy.url)
    prepared = narrowing.prepare(here)
    there.catch_up()
    readings: list[Event] = []
    may_arrive = Event()

    def hold_the_answer(link: Link, sent: bytes) -> bool:
        if b"api_keys.digest IN" in sent and not readings:
            # What the server has read is on its way for as long as the test wants.
            readings.append(link.hold_answers_until(may_arrive))
        return True

    proxy.watch = hold_the_answer
    with ThreadPoolExecutor(1) as thread:
        asking = thread.submit(there.ask, prepared.secret, **prepared.query)
        (reading,) = eventually(lambda: readings, "the credential is read")
        assert reading.wait(SECONDS), "the server did not answer"
        prepared.narrow()
        there.catch_up()
        may_arrive.set()
        asking.result(SECONDS)
    assert there.decision(prepared.secret, **prepared.query) == narrowing.code
