"""Everything that ends or narrows a key, done on one node and asked about on another."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final

from tests.harness.membership import Membership
from tests.harness.neighbour import move_in
from tests.harness.nodes import Node, answer
from tests.harness.proxy import eventually
from wayvo.core.access.permissions import OWN_AUDIENCE

IN_FORCE_SECONDS: Final = 1.0
"""The promise: so long after its answer a change may at most go unnoticed on another node."""

_numbers = count(1)


@dataclass(frozen=True)
class Prepared:
    """A key that another node lets pass, what is asked of it, and how to end that."""

    secret: str
    query: dict[str, str]
    narrow: Callable[[], None]


@dataclass(frozen=True)
class Narrowing:
    """A way to end or narrow a key, and the denial that follows."""

    name: str
    prepare: Callable[[Node], Prepared]
    code: str


def revoke(node: Node) -> Prepared:
    key = node.create_key(scopes=["users:read"])
    return Prepared(key["api_key"], {}, lambda: _post(node, f"/v1/api-keys/{key['id']}/revoke", {}, 200))


def narrow_access(node: Node) -> Prepared:
    key = node.create_key(scopes=["users:read", "projects:read"])
    body = {"scopes": ["projects:read"]}
    return Prepared(key["api_key"], {"scopes": "users:read"}, lambda: _patch(node, f"/v1/api-keys/{key['id']}", body))


def narrow_networks(node: Node) -> Prepared:
    key = node.create_key(scopes=["users:read"])
    body = {"allowed_networks": ["192.0.2.0/24"]}
    return Prepared(key["api_key"], {}, lambda: _patch(node, f"/v1/api-keys/{key['id']}", body))


def archive_project(node: Node) -> Prepared:
    project = answer(node.operator.post("/v1/projects", json={"name": "Short-lived"}), 201)["id"]
    key = node.create_key(scopes=["users:read"], project_id=project)
    return Prepared(key["api_key"], {}, lambda: _post(node, f"/v1/projects/{project}/archive", {}, 200))


def change_api(node: Node) -> Prepared:
    audience = f"https://orders-{next(_numbers)}.example"
    scopes = [{"name": "orders:read"}, {"name": "orders:write"}]
    api = answer(node.operator.post("/v1/apis", json={"audience": audience, "name": "Orders", "scopes": scopes}), 201)
    key = node.create_key(access={audience: ["orders:*"]})
    return Prepared(
        key["api_key"],
        {"audience": audience, "scopes": "orders:read"},
        lambda: _patch(node, f"/v1/apis/{api['id']}", {"scopes": scopes[1:]}),
    )


def rotate_without_overlap(node: Node) -> Prepared:
    key = node.create_key(scopes=["users:read"])
    body = {"overlap_seconds": 0}
    return Prepared(key["api_key"], {}, lambda: _post(node, f"/v1/api-keys/{key['id']}/rotate", body, 201))


def demote(node: Node) -> Prepared:
    membership = _membership(node)
    user_id = membership.add_user("owner")
    key = node.create_key(scopes=["users:read", "users:write"], user_id=user_id)
    return Prepared(key["api_key"], {"scopes": "users:write"}, lambda: membership.set_role(user_id, "viewer"))


def remove_member(node: Node) -> Prepared:
    membership = _membership(node)
    user_id = membership.add_user("owner")
    key = node.create_key(scopes=["users:read"], user_id=user_id)
    return Prepared(key["api_key"], {}, lambda: membership.remove(user_id))


def narrow_role(node: Node) -> Prepared:
    membership = _membership(node)
    role = membership.add_role({OWN_AUDIENCE: ("users:*",)})
    key = node.create_key(scopes=["users:read", "users:write"], user_id=membership.add_user(role))
    return Prepared(
        key["api_key"],
        {"scopes": "users:write"},
        lambda: membership.change_role(role, {OWN_AUDIENCE: ("users:read",)}),
    )


def disable_organization(node: Node) -> Prepared:
    neighbour = move_in(node.server)
    return Prepared(neighbour.secret, {}, Membership(node.server, neighbour.organization_id).disable)


NARROWINGS: Final[Sequence[Narrowing]] = (
    Narrowing("a revocation", revoke, "revoked"),
    Narrowing("a narrower access", narrow_access, "insufficient_scope"),
    Narrowing("narrower networks", narrow_networks, "network_denied"),
    Narrowing("the archive of a project", archive_project, "revoked"),
    Narrowing("a change of an API", change_api, "insufficient_scope"),
    Narrowing("a rotation without overlap", rotate_without_overlap, "expired"),
    Narrowing("a demotion", demote, "insufficient_scope"),
    Narrowing("the removal of a member", remove_member, "revoked"),
    Narrowing("a narrower role", narrow_role, "insufficient_scope"),
    Narrowing("the disabling of an organization", disable_organization, "organization_disabled"),
)


def seconds_until_in_force(narrowing: Narrowing, here: Node, there: Node) -> float:
    """Narrow a key ``here`` that is in the cache ``there``; return how long after the answer it is denied there."""
    prepared = narrowing.prepare(here)
    assert [there.decision(prepared.secret, **prepared.query) for _ in range(2)] == ["valid", "valid"]
    prepared.narrow()
    acknowledged = time.monotonic()
    decisions = []

    def is_denied() -> bool:
        decisions.append(there.decision(prepared.secret, **prepared.query))
        return decisions[-1] != "valid"

    eventually(is_denied, narrowing.name, 10 * IN_FORCE_SECONDS)
    seconds = time.monotonic() - acknowledged
    assert decisions[-1] == narrowing.code
    return seconds


def _membership(node: Node) -> Membership:
    organization_id = answer(node.operator.get("/v1/whoami"), 200)["organization"]["id"]
    return Membership(node.server, organization_id)


def _post(node: Node, path: str, body: object, status: int) -> None:
    answer(node.operator.post(path, json=body), status)


def _patch(node: Node, path: str, body: object) -> None:
    answer(node.operator.patch(path, json=body), 200)
