"""A key shows which of its scopes verification has really asked for and found."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.wire.doors import MACHINE_DOORS, Asked, Door, Doors
from wayvo.core.instants import DAY_US
from wayvo.installation import Installation
from wayvo.jobs.sweep import sweep
from wayvo.store import scope_uses

ORDERS = "https://orders.example"
SCOPES = ("orders:read", "orders:write", "orders:delete")


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """A server with a protected API."""
    opened = Doors(tmp_path_factory.mktemp("server"))
    with opened.server:
        opened.open()
        api_id = opened.create_api(ORDERS, *SCOPES)
        operations = [{"methods": ["GET"], "path": "/orders", "scopes": ["orders:read"]}]
        opened.operator.patch(f"/v1/apis/{api_id}", json={"operations": operations}).raise_for_status()
        opened.asker = opened.let_ask_about(ORDERS)
        yield opened


def used(doors: Doors, key_id: str) -> dict[tuple[str, str], str]:
    shown = doors.operator.get(f"/v1/api-keys/{key_id}").json()["scopes_used"]
    return {(use["audience"], use["scope"]): use["last_used_at"] for use in shown}


@pytest.mark.parametrize("door", MACHINE_DOORS)
def test_what_was_asked_for_and_found_is_shown_and_nothing_else(doors: Doors, door: Door) -> None:
    key = doors.create_key(access={ORDERS: ["orders:read", "orders:write"]})
    assert used(doors, key["id"]) == {}
    asked = (
        ("orders:read",),
        ("orders:read", "orders:write"),
        ("orders:delete",),
        ("orders:read", "orders:delete"),
        (),
    )
    for scopes in asked:
        door(doors, Asked(key["api_key"], audience=ORDERS, scopes=scopes))
    assert used(doors, key["id"]).keys() == {(ORDERS, "orders:read"), (ORDERS, "orders:write")}


def test_the_scopes_of_an_operation_count(doors: Doors) -> None:
    key = doors.create_key(access={ORDERS: ["orders:*"]})
    question: dict[str, Any] = {"credential": key["api_key"], "audience": ORDERS}
    question["operation"] = {"method": "GET", "path": "/orders"}
    assert doors.asker.post("/v1/verify", json=question).json()["code"] == "valid"
    assert used(doors, key["id"]).keys() == {(ORDERS, "orders:read")}


def test_who_asks_uses_the_scope_that_asking_takes(doors: Doors) -> None:
    asker_id = doors.asker.get("/v1/whoami").json().get("credential", {}).get("id")
    key = doors.create_key(access={ORDERS: ["credentials:verify"]})
    assert asker_id is None, "it may ask about keys, and nothing of Wayvo's own"
    question = {"credential": doors.server.mint(), "audience": ORDERS}
    assert doors.server.client(key["api_key"]).post("/v1/verify", json=question).json()["code"] == "unknown"
    assert used(doors, key["id"]).keys() == {(ORDERS, "credentials:verify")}


def test_lists_and_changes_do_not_show_it(doors: Doors) -> None:
    key = doors.create_key()
    listed = doors.operator.get("/v1/api-keys").json()["data"][0]
    changed = doors.operator.patch(f"/v1/api-keys/{key['id']}", json={"name": "Another"}).json()
    assert "scopes_used" not in {*listed, *changed, *key}


def test_what_is_stored_is_shown_for_thirty_days_and_then_swept(doors: Doors) -> None:
    key = doors.create_key(access={ORDERS: ["orders:read"]})
    clock = doors.server.clock

    async def store(installation: Installation) -> None:
        uses = [(key["id"], ORDERS, "orders:read", clock())]
        await installation.database.write(lambda transaction: scope_uses.record(transaction.connection, uses))

    async def count(installation: Installation) -> int:
        found = await installation.database.read(lambda connection: scope_uses.of_key(connection, key["id"], 0))
        return len(found)

    async def clean(installation: Installation) -> None:
        await sweep(installation.database, clock)

    doors.server.call(store)
    clock.turn(30 * DAY_US / 1e6)
    assert used(doors, key["id"]).keys() == {(ORDERS, "orders:read")}
    doors.server.call(clean)
    assert doors.server.call(count) == 1
    clock.turn(1)
    assert used(doors, key["id"]) == {}
    doors.server.call(clean)
    assert doors.server.call(count) == 0
