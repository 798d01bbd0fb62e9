"""Keys that were made elsewhere go on working: imported as their SHA-256, at once, through every door."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.harness.foreign import FORMAT, import_one, imported, made_elsewhere, row, send_import, sha256
from tests.harness.neighbour import move_in
from tests.harness.rows import stored_rows
from tests.harness.server import Client, RunningServer
from tests.wire.doors import ALL_DOORS, Asked, Door, Doors, problem
from wayvo.core.credentials.foreign import MAX_FORMATS_PER_ORGANIZATION
from wayvo.installation import Installation
from wayvo.store.tables import api_keys

SCOPES = ["users:read"]
every_door = pytest.mark.parametrize("door", ALL_DOORS)


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """A server."""
    opened = Doors(tmp_path_factory.mktemp("server"))
    with opened.server:
        opened.open()
        yield opened


def digests(server: RunningServer, key_id: str) -> tuple[bytes, bytes | None]:
    """Return the digest that a key stands under, and that of its import."""

    async def step(installation: Installation) -> tuple[bytes, bytes | None]:
        columns = (api_keys.c.digest, api_keys.c.import_digest)

        def query(connection: Any) -> tuple[bytes, bytes | None]:
            digest, import_digest = connection.execute(select(*columns).where(api_keys.c.id == key_id)).one()
            return digest, import_digest

        return await installation.database.read(query)

    return server.call(step)


@every_door
def test_an_imported_key_works_at_once(doors: Doors, door: Door) -> None:
    key = made_elsewhere()
    import_one(doors.operator, key)
    assert door(doors, Asked(key, scopes=SCOPES)) == "valid"
    assert door(doors, Asked(key, scopes=SCOPES)) == "valid"


@every_door
def test_an_imported_key_works_even_if_it_was_asked_about_before(doors: Doors, door: Door) -> None:
    import_one(doors.operator, made_elsewhere())
    asked = Asked(made_elsewhere(), scopes=SCOPES)
    assert [door(doors, asked) for _ in range(2)] == ["unknown", "unknown"]
    import_one(doors.operator, asked.credential)
    assert door(doors, asked) == "valid"


@every_door
def test_the_first_key_of_a_format_turns_what_was_malformed_into_a_key(doors: Doors, door: Door) -> None:
    prefix = f"first_{door.__name__}_"
    key, other = made_elsewhere(prefix, 40), made_elsewhere(prefix, 40)
    assert door(doors, Asked(key)) == "malformed"
    import_one_of = {"prefix": prefix, "alphabet": "base62", "min_length": 40, "max_length": 40}
    assert imported(doors.operator, row(key), format=import_one_of)["created"] == 1
    assert [door(doors, Asked(asked)) for asked in (key, other, other + "x")] == ["valid", "unknown", "malformed"]


@every_door
@pytest.mark.parametrize("is_used", [False, True])
def test_a_revoked_import_is_denied_whether_it_was_used_or_not(doors: Doors, door: Door, is_used: bool) -> None:
    asked = Asked(made_elsewhere(), scopes=SCOPES)
    key_id = import_one(doors.operator, asked.credential)
    if is_used:
        assert door(doors, asked) == "valid"
    doors.operator.post(f"/v1/api-keys/{key_id}/revoke").raise_for_status()
    assert door(doors, asked) == "revoked"
    assert imported(doors.operator, row(asked.credential))["existing"] == 1, "an import brings nothing back to life"
    assert door(doors, asked) == "revoked"


@pytest.mark.parametrize("is_used", [False, True])
def test_an_imported_key_is_changed_and_rotated_like_any_other(doors: Doors, is_used: bool) -> None:
    key = made_elsewhere()
    key_id = import_one(doors.operator, key, scopes=["users:read", "projects:read"])
    client = doors.server.client(key)
    if is_used:
        assert client.get("/v1/projects").status_code == 200
    doors.operator.patch(f"/v1/api-keys/{key_id}", json={"scopes": SCOPES}).raise_for_status()
    assert [client.get(path).status_code for path in ("/v1/projects", "/v1/users")] == [403, 200]
    rotated = doors.operator.post(f"/v1/api-keys/{key_id}/rotate", json={"overlap_seconds": 0}).json()
    assert rotated["api_key"].startswith("wv_live_")
    assert rotated["prefix"] == "wv_live"
    assert doors.server.client(rotated["api_key"]).get("/v1/users").status_code == 200
    assert client.get("/v1/users").json()["code"] == "expired"


def test_the_first_use_puts_a_key_under_a_digest_like_any_other_and_the_import_still_knows_it(doors: Doors) -> None:
    key = made_elsewhere()
    key_id = import_one(doors.operator, key)
    before = digests(doors.server, key_id)
    assert before[0] == before[1]
    assert doors.server.client(key).get("/v1/users").status_code == 200
    digest, import_digest = digests(doors.server, key_id)
    assert import_digest == before[1]
    assert digest != import_digest
    again = imported(doors.operator, row(key), row(key))
    assert [(each["outcome"], each["id"]) for each in again["rows"]] == [("exists", key_id)] * 2


def test_a_row_keeps_what_it_says_and_what_it_leaves_out_comes_from_the_format(doors: Doors) -> None:
    fields = {
        "description": "From the old house",
        "mode": "test",
        "expires_at": "2027-06-01T00:00:00Z",
        "created_at": "2019-03-01T12:00:00Z",
        "allowed_networks": ["203.0.113.0/24"],
        "metadata": {"plan": "gold"},
        "last_four": "9zZ0",
        "external_id": "cus_17",
    }
    key_id = import_one(doors.operator, made_elsewhere(), **fields)
    shown = doors.operator.get(f"/v1/api-keys/{key_id}").json()
    kept = {name: value for name, value in fields.items() if name not in ("metadata", "external_id")}
    assert {name: shown[name] for name in kept} == kept
    assert shown["metadata"] == {"plan": "gold", "external_id": "cus_17"}
    assert (shown["prefix"], shown["scopes"], shown["last_used_at"]) == ("sk_live", SCOPES, None)
    found = doors.operator.get("/v1/api-keys", params={"text": "9zz0"}).json()["data"]
    assert [each["id"] for each in found] == [key_id]


@pytest.mark.parametrize(
    ("fault", "field"),
    [
        ({"sha256": "ab"}, "sha256"),
        ({"sha256": made_elsewhere()}, "sha256"),
        ({"sha256": sha256("x") + "\n"}, "sha256"),
        ({"sha256": None}, "sha256"),
        ({"name": ""}, "name"),
        ({"name": 7}, "name"),
        ({"colour": "red"}, "colour"),
        ({"key": made_elsewhere()}, "key"),
        ({"organization_id": "org_1"}, "organization_id"),
        ({"project_id": "prj_nowhere"}, "project_id"),
        ({"mode": "prod"}, "mode"),
        ({"scopes": ["users:fly"]}, "scopes"),
        ({"scopes": ["Users"]}, "scopes[0]"),
        ({"access": {"https://nowhere.example": ["a:b"]}}, "access.https://nowhere.example"),
        ({"access": {"urn:wayvo:management": ["users:read"]}}, "scopes"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "soon"}, "expires_at"),
        ({"created_at": "2999-01-01T00:00:00Z"}, "created_at"),
        ({"created_at": "1999-01-01T00:00:00Z"}, "created_at"),
        ({"allowed_networks": ["203.0.113.1/24"]}, "allowed_networks[0]"),
        ({"last_four": "12345"}, "last_four"),
        ({"external_id": "a", "metadata": {"external_id": "b"}}, "external_id"),
    ],
    ids=str,
)
def test_a_row_with_a_fault_is_refused_by_its_field_and_its_neighbours_are_stored(
    doors: Doors, fault: dict[str, Any], field: str
) -> None:
    good = made_elsewhere()
    report = imported(doors.operator, row(made_elsewhere(), **fault), row(good))
    assert (report["created"], report["refused"]) == (1, 1)
    refused, created = report["rows"]
    assert (refused["outcome"], refused["id"], refused["field"]) == ("refused", None, field)
    assert refused["message"]
    assert created["outcome"] == "created"
    shown = str(refused)
    assert all(value not in shown for value in fault.values() if isinstance(value, str) and len(value) > 20)
    assert doors.server.client(good).get("/v1/users").status_code == 200


def test_rows_that_stand_twice_are_one_key(doors: Doors) -> None:
    key = made_elsewhere()
    report = imported(doors.operator, row(key), row(key, sha256=sha256(key).upper(), name="Once more"))
    assert [each["outcome"] for each in report["rows"]] == ["created", "exists"]
    assert report["rows"][0]["id"] == report["rows"][1]["id"]


def test_an_archived_project_gets_no_imported_keys(doors: Doors) -> None:
    project = doors.operator.post("/v1/projects", json={"name": "Over"}).json()["id"]
    doors.operator.post(f"/v1/projects/{project}/archive").raise_for_status()
    (refused,) = imported(doors.operator, row(made_elsewhere(), project_id=project))["rows"]
    assert (refused["outcome"], refused["field"]) == ("refused", "project_id")


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(server: RunningServer) -> None:
    operator = server.client()
    there, new = made_elsewhere(), made_elsewhere()
    rows = [row(there), row(new), row(new), row(made_elsewhere(), scopes=["users:fly"])]
    import_one(operator, there)
    before = stored_rows(server)
    other = {**FORMAT, "min_length": 20}
    for wanted, known in ((FORMAT, True), (other, False)):
        report = imported(operator, *rows, dry_run=True, format=wanted)
        assert [each["outcome"] for each in report["rows"]] == ["exists", "created", "exists", "refused"]
        assert report["dry_run"] is True
        assert report["rows"][1]["id"] is None
        assert (report["format"]["id"] is not None) == known
    assert stored_rows(server) == before
    assert server.client(new).get("/v1/users").status_code == 401
    assert imported(operator, *rows)["created"] == 1


def test_nobody_imports_without_the_permission_nor_gives_more_than_they_hold(doors: Doors) -> None:
    plain = doors.server.client(doors.create_key(scopes=["api-keys:write", "users:read"])["api_key"])
    response = send_import(plain, row(made_elsewhere()))
    assert (response.status_code, problem(response)["code"]) == (403, "insufficient_scope")
    importer = doors.server.client(doors.create_key(scopes=["api-keys:import", "users:read"])["api_key"])
    report = imported(importer, row(made_elsewhere()), row(made_elsewhere(), scopes=["users:*"]))
    assert [each["outcome"] for each in report["rows"]] == ["created", "refused"]
    assert report["rows"][1]["field"] == "access"


def test_a_digest_of_another_organization_is_refused_and_says_nothing_of_it(server: RunningServer) -> None:
    operator = server.client()
    key = made_elsewhere()
    key_id = import_one(operator, key)
    neighbour = move_in(server, {"urn:wayvo:management": ("*",)})
    (refused,) = imported(server.client(neighbour.secret), row(key))["rows"]
    assert (refused["outcome"], refused["field"], refused["id"]) == ("refused", "sha256", None)
    assert key_id not in str(refused)
    assert server.client(key).get("/v1/whoami").json()["credential"]["id"] == key_id


def test_the_digest_of_a_key_of_our_own_takes_nothing_from_it(doors: Doors) -> None:
    own = doors.create_key(scopes=SCOPES)
    twin = import_one(doors.operator, own["api_key"], scopes=[])
    for _ in range(2):
        whoami = doors.server.client(own["api_key"]).get("/v1/whoami").json()
        assert whoami["credential"]["id"] == own["id"]
    doors.operator.post(f"/v1/api-keys/{own['id']}/revoke").raise_for_status()
    assert doors.server.client(own["api_key"]).get("/v1/whoami").json()["code"] == "revoked"
    assert twin != own["id"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"alphabet": ""}, "format.alphabet"),
        ({"alphabet": "a"}, "format.alphabet"),
        ({"alphabet": "aa"}, "format.alphabet"),
        ({"min_length": 0}, "format.min_length"),
        ({"min_length": 30}, "format.max_length"),
        ({"max_length": 57}, "format.max_length"),
        ({"max_length": 65}, "format.max_length"),
        ({"prefix": "sk live"}, "format.prefix"),
        ({"prefix": "p" * 64}, "format.prefix"),
        ({"colour": "red"}, "format.colour"),
    ],
    ids=str,
)
def test_a_format_that_can_be_none_is_refused_by_its_field(doors: Doors, changes: dict[str, Any], field: str) -> None:
    response = send_import(doors.operator, row(made_elsewhere()), format={**FORMAT, **changes})
    document = problem(response)
    assert (response.status_code, document["code"], document["errors"][0]["field"]) == (422, "invalid_field", field)


def test_a_weak_format_is_refused_unless_it_is_accepted_and_then_warned_about(doors: Doors) -> None:
    weak = {"prefix": "", "alphabet": "hex", "min_length": 12, "max_length": 12}
    key = "0123456789ab"
    response = send_import(doors.operator, row(key), format=weak)
    assert (response.status_code, problem(response)["code"]) == (422, "weak_key_format")
    report = imported(doors.operator, row(key), format=weak, accept_weak=True)
    assert report["created"] == 1
    assert [warning for warning in report["warnings"] if "48 bits" in warning]
    assert [warning for warning in report["warnings"] if "no prefix" in warning]
    assert doors.server.client(key).get("/v1/users").status_code == 200


@pytest.mark.parametrize("keys", [[], [row("k")] * 1001, "x", [7]], ids=["none", "too many", "no list", "no object"])
def test_what_is_no_list_of_rows_is_refused_as_a_whole(doors: Doors, keys: object) -> None:
    response = doors.operator.post("/v1/api-keys/import", json={"format": FORMAT, "keys": keys})
    assert response.status_code == 422
    assert problem(response)["errors"][0]["field"].startswith("keys")


def test_a_whole_thousand_rows_fit_in_a_request(doors: Doors) -> None:
    rows = [row(made_elsewhere(), description="d" * 300, metadata={"note": "n" * 500}) for _ in range(1000)]
    report = imported(doors.operator, *rows)
    assert report["created"] == 1000
    assert imported(doors.operator, *rows)["existing"] == 1000


def test_an_organization_brings_so_many_formats_and_those_that_are_known_go_on(server: RunningServer) -> None:
    operator = server.client()
    prefixes = [f"p{number}_" for number in range(MAX_FORMATS_PER_ORGANIZATION + 1)]
    formats = [{**FORMAT, "prefix": prefix} for prefix in prefixes]
    for prefix, wanted in zip(prefixes[:-1], formats, strict=False):
        assert imported(operator, row(made_elsewhere(prefix)), format=wanted)["created"] == 1
    for is_dry in (True, False):
        response = send_import(operator, row(made_elsewhere()), format=formats[-1], dry_run=is_dry)
        assert (response.status_code, problem(response)["code"]) == (409, "too_many_key_formats")
    assert imported(operator, row(made_elsewhere("p0_")), format=formats[0])["created"] == 1


def test_imported_keys_and_their_formats_are_known_again_after_a_restart(tmp_path: Path) -> None:
    unused, used = made_elsewhere(), made_elsewhere()
    with RunningServer(tmp_path) as first:
        operator = first.key
        import_one(first.client(), unused)
        import_one(first.client(), used)
        assert _opens(first, used)
    with RunningServer(tmp_path) as second:
        assert [_opens(second, key) for key in (used, unused, made_elsewhere())] == [True, True, False]
        assert _opens(second, operator)


def test_imported_keys_outlive_a_change_of_the_root_secret_used_or_not(tmp_path: Path) -> None:
    old, new = "the root secret before the change of tests", "the root secret after the change of tests"
    unused, used, never = made_elsewhere(), made_elsewhere(), made_elsewhere()
    with RunningServer(tmp_path, None, WAYVO_SECRET_KEY=old) as server:
        operator = server.key
        ids = [import_one(server.client(), key) for key in (unused, used, never)]
        assert _opens(server, used)
    with RunningServer(tmp_path, None, WAYVO_SECRET_KEY=new, WAYVO_RETIRED_SECRET_KEYS=old) as server:
        client = server.client(operator)
        again = [imported(client, row(key))["rows"][0] for key in (unused, used, never)]
        assert [(each["outcome"], each["id"]) for each in again] == [("exists", key_id) for key_id in ids]
        assert [_opens(server, key) for key in (unused, used)] == [True, True]
        assert [imported(client, row(key))["rows"][0]["id"] for key in (unused, used)] == ids[:2]
        client.post(f"/v1/api-keys/{ids[2]}/revoke").raise_for_status()
        assert server.client(never).get("/v1/users").json()["code"] == "revoked"
    with RunningServer(tmp_path, None, WAYVO_SECRET_KEY=new) as server:
        assert [_opens(server, key) for key in (unused, used)] == [True, True]
        assert [imported(server.client(operator), row(key))["existing"] for key in (unused, used)] == [1, 1]


def _opens(server: RunningServer, key: str) -> bool:
    return server.client(key).get("/v1/users").status_code == 200


def test_no_log_tells_a_digest_nor_a_key(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    key = made_elsewhere()
    with RunningServer(tmp_path) as server:
        client: Client = server.client()
        import_one(client, key)
        imported(client, row(made_elsewhere(), sha256=key))
        assert _opens(server, key)
    said = "".join(capfd.readouterr())
    assert "/v1/api-keys/import" in said
    assert key not in said
    assert sha256(key) not in said.lower()
