"""What ends or narrows a key is in force in the very next decision, through every door, whatever was cached."""

from collections.abc import Iterator

import pytest

from tests.wire.doors import ALL_DOORS, ANYWHERE, Asked, Door, Doors

SCOPES = ["users:read"]


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """A server."""
    opened = Doors(tmp_path_factory.mktemp("server"))
    with opened.server:
        opened.open()
        yield opened


every_door = pytest.mark.parametrize("door", ALL_DOORS)


@every_door
def test_a_key_works_from_the_answer_that_shows_it_even_if_it_was_asked_about_before(doors: Doors, door: Door) -> None:
    asked = Asked(doors.create_key(scopes=SCOPES)["api_key"], scopes=SCOPES)
    assert door(doors, asked) == "valid"


@every_door
def test_a_revocation(doors: Doors, door: Door) -> None:
    key = doors.create_key(scopes=SCOPES)
    asked = Asked(key["api_key"], scopes=SCOPES)
    assert door(doors, asked) == "valid"
    doors.operator.post(f"/v1/api-keys/{key['id']}/revoke").raise_for_status()
    assert door(doors, asked) == "revoked"


@every_door
def test_a_key_that_revokes_itself(doors: Doors, door: Door) -> None:
    key = doors.create_key(scopes=[*SCOPES, "api-keys:write"])
    asked = Asked(key["api_key"], scopes=SCOPES)
    assert door(doors, asked) == "valid"
    doors.server.client(key["api_key"]).post(f"/v1/api-keys/{key['id']}/revoke").raise_for_status()
    assert door(doors, asked) == "revoked"


@every_door
def test_an_expiry_in_its_very_microsecond(doors: Doors, door: Door) -> None:
    asked = Asked(
        doors.create_key(scopes=SCOPES, expires_at=doors.server.clock.at(90))["api_key"],
        scopes=SCOPES,
    )
    doors.server.clock.turn(90 - 1e-6)
    assert door(doors, asked) == "valid"
    doors.server.clock.turn(1e-6)
    assert door(doors, asked) == "expired"


@every_door
def test_an_expiry_that_was_moved_closer(doors: Doors, door: Door) -> None:
    key = doors.create_key(scopes=SCOPES)
    asked = Asked(key["api_key"], scopes=SCOPES)
    assert door(doors, asked) == "valid"
    changed = {"expires_at": doors.server.clock.at(30)}
    doors.operator.patch(f"/v1/api-keys/{key['id']}", json=changed).raise_for_status()
    assert door(doors, asked) == "valid"
    doors.server.clock.turn(30)
    assert door(doors, asked) == "expired"


@every_door
def test_a_scope_that_was_taken_away_and_given_back(doors: Doors, door: Door) -> None:
    key = doors.create_key(scopes=[*SCOPES, "projects:read"])
    asked = Asked(key["api_key"], scopes=SCOPES)
    assert door(doors, asked) == "valid"
    doors.operator.patch(f"/v1/api-keys/{key['id']}", json={"scopes": ["projects:read"]}).raise_for_status()
    assert door(doors, asked) == "insufficient_scope"
    doors.operator.patch(f"/v1/api-keys/{key['id']}", json={"scopes": SCOPES}).raise_for_status()
    assert door(doors, asked) == "valid"


@every_door
def test_networks_that_were_narrowed_and_widened(doors: Doors, door: Door) -> None:
    key = doors.create_key(scopes=SCOPES)
    asked = Asked(key["api_key"], scopes=SCOPES, address=ANYWHERE)
    assert door(doors, asked) == "valid"
    doors.operator.patch(f"/v1/api-keys/{key['id']}", json={"allowed_networks": ["192.0.2.0/24"]}).raise_for_status()
    assert door(doors, asked) == "network_denied"
    doors.operator.patch(f"/v1/api-keys/{key['id']}", json={"allowed_networks": []}).raise_for_status()
    assert door(doors, asked) == "valid"


@every_door
def test_the_archive_of_a_project(doors: Doors, door: Door) -> None:
    project = doors.operator.post("/v1/projects", json={"name": "Short-lived"}).json()["id"]
    asked = [Asked(doors.create_key(scopes=SCOPES, project_id=project)["api_key"], scopes=SCOPES) for _ in range(3)]
    assert [door(doors, one) for one in asked] == ["valid"] * 3
    doors.operator.post(f"/v1/projects/{project}/archive").raise_for_status()
    assert [door(doors, one) for one in asked] == ["revoked"] * 3


@every_door
def test_a_rotation_and_the_end_of_its_overlap(doors: Doors, door: Door) -> None:
    key = doors.create_key(scopes=SCOPES)
    old = Asked(key["api_key"], scopes=SCOPES)
    assert door(doors, old) == "valid"
    rotated = doors.operator.post(f"/v1/api-keys/{key['id']}/rotate", json={"overlap_seconds": 60}).json()
    new = Asked(rotated["api_key"], scopes=SCOPES)
    assert [door(doors, old), door(doors, new)] == ["valid", "valid"]
    doors.server.clock.turn(60)
    assert [door(doors, old), door(doors, new)] == ["expired", "valid"]


@every_door
def test_a_rotation_without_overlap(doors: Doors, door: Door) -> None:
    key = doors.create_key(scopes=SCOPES)
    old = Asked(key["api_key"], scopes=SCOPES)
    assert door(doors, old) == "valid"
    doors.operator.post(f"/v1/api-keys/{key['id']}/rotate", json={"overlap_seconds": 0}).raise_for_status()
    assert door(doors, old) == "expired"
