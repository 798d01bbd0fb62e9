"""``GET /v1/api-keys``: filters, orders, pages."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.harness.neighbour import move_in
from tests.harness.server import Client, RunningServer
from wayvo.installation import Installation
from wayvo.jobs.last_uses import store_last_uses
from wayvo.jobs.sweep import sweep
from wayvo.verify.meter import Meter

DAY: Final = 86_400


class Shelf:
    """Keys of every kind, made a second apart; ``key`` names them, ``names`` are in the order of their making."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.client = server.client()
        self.start_us = server.clock()
        self.project: str = self.client.post("/v1/projects", json={"name": "Shelf"}).json()["id"]
        self.ids = {"operator": self._operator()}
        # Name, fields, seconds until it expires, whether it is revoked; and when it was last used, in days.
        self._make("plain")
        self._make("in project", project_id=self.project)
        self._make("test mode", mode="test")
        self._make("soon", expires_in=1 * DAY)
        self._make("later", expires_in=30 * DAY, project_id=self.project)
        self._make("gone", expires_in=60)
        self._make("gone test", expires_in=90, mode="test", project_id=self.project)
        self._make("revoked")
        self._make("revoked late", expires_in=2 * DAY, project_id=self.project)
        server.clock.turn(100)
        for name in ("revoked", "revoked late"):
            assert self.client.post(f"/v1/api-keys/{self.ids[name]}/revoke").status_code == 200
        self._use("plain", 5 * DAY)
        self._use("later", 3 * DAY)
        server.clock.turn(10 * DAY - server.clock() / 1e6 + self.start_us / 1e6)

    def names(self, **parameters: Any) -> list[str]:
        """Return the names of the keys that a list shows, in its order."""
        answer = self.client.get("/v1/api-keys", params={"limit": 100, **parameters})
        assert answer.status_code == 200, answer.text
        called = {key_id: name for name, key_id in self.ids.items()}
        return [called[key["id"]] for key in answer.json()["data"]]

    def at(self, days: float) -> str:
        """Return the instant ``days`` after the shelf was filled."""
        return self.server.clock.at(self.start_us / 1e6 - self.server.clock() / 1e6 + days * DAY)

    def _operator(self) -> str:
        founded = self.server.founded
        assert founded is not None
        return founded.issued.key.id

    def _make(self, name: str, *, expires_in: float | None = None, **fields: Any) -> None:
        self.server.clock.turn(1)
        expiry = {} if expires_in is None else {"expires_at": self.server.clock.at(expires_in)}
        self.ids[name] = self.server.create_key(name=name, **fields, **expiry)["id"]

    def _use(self, name: str, after: float) -> None:
        meter = Meter()
        meter.note(self.ids[name], self.start_us + round(after * 1_000_000), None)

        async def step(installation: Installation) -> None:
            await store_last_uses(installation.database, meter)

        self.server.call(step)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """Ten keys, ten days after they were made: ``soon`` has expired by now, ``later`` has not."""
    folder: Path = tmp_path_factory.mktemp("shelf")
    with RunningServer(folder) as server:
        yield Shelf(server)


NEWEST_FIRST: Final = [
    "revoked late",
    "revoked",
    "gone test",
    "gone",
    "later",
    "soon",
    "test mode",
    "in project",
    "plain",
    "operator",
]


def test_without_a_filter_all_keys_are_listed_the_newest_first(shelf: Shelf) -> None:
    assert shelf.names() == NEWEST_FIRST


def test_each_key_is_listed_as_it_is_shown_alone(shelf: Shelf) -> None:
    listed = shelf.client.get("/v1/api-keys").json()["data"]
    shown = [shelf.client.get(f"/v1/api-keys/{key['id']}").json() for key in listed]
    assert shown == [key | {"scopes_used": one["scopes_used"]} for key, one in zip(listed, shown, strict=True)]
    assert [key["status"] for key in listed[:4]] == ["revoked", "revoked", "expired", "expired"]


@pytest.mark.parametrize(
    ("mode", "names"), [("live", [n for n in NEWEST_FIRST if "test" not in n]), ("test", ["gone test", "test mode"])]
)
def test_mode_keeps_the_keys_of_one_mode(shelf: Shelf, mode: str, names: list[str]) -> None:
    assert shelf.names(mode=mode) == names


@pytest.mark.parametrize(
    ("status", "names"),
    [
        ("active", ["later", "test mode", "in project", "plain", "operator"]),
        ("revoked", ["revoked late", "revoked"]),
        ("expired", ["soon", "gone test", "gone"]),
    ],
)
def test_status_keeps_what_has_it_now_whether_or_not_the_sweeper_came_by(
    shelf: Shelf, status: str, names: list[str]
) -> None:
    assert shelf.names(status=status) == names

    async def step(installation: Installation) -> None:
        await sweep(installation.database, installation.draw.clock)

    shelf.server.call(step)
    assert shelf.names(status=status) == names


def test_project_keeps_the_keys_of_one_project(shelf: Shelf) -> None:
    assert shelf.names(project_id=shelf.project) == ["revoked late", "gone test", "later", "in project"]
    assert shelf.names(project_id="prj_00000000000000000000000000") == []


def test_expiring_before_keeps_what_works_until_then_the_next_to_expire_first(shelf: Shelf) -> None:
    assert shelf.names(expiring_before=shelf.at(31)) == ["later"]
    assert shelf.names(expiring_before=shelf.at(29)) == []
    expiry = shelf.client.get(f"/v1/api-keys/{shelf.ids['later']}").json()["expires_at"]
    assert shelf.names(expiring_before=expiry) == []


def test_expiring_before_sorts_by_the_expiry(server: RunningServer) -> None:
    client = server.client()
    for days in (3, 1, 2, 1):
        server.create_key(name=f"in {days} days", expires_at=server.clock.at(days * DAY))
    listed = client.get("/v1/api-keys", params={"expiring_before": server.clock.at(2.5 * DAY)}).json()["data"]
    assert [key["name"] for key in listed] == ["in 1 days", "in 1 days", "in 2 days"]


def test_unused_since_keeps_working_keys_the_longest_unused_first(shelf: Shelf) -> None:
    # The operator's key is used in every one of these requests, and its use may be stored by now or not.
    def names(days: float) -> list[str]:
        return [name for name in shelf.names(unused_since=shelf.at(days)) if name != "operator"]

    assert names(9) == ["in project", "test mode", "later", "plain"]
    assert names(4) == ["in project", "test mode", "later"]
    assert names(3) == ["in project", "test mode"]
    assert names(0) == []


@pytest.mark.parametrize(
    ("parameters", "names"),
    [
        ({"mode": "live", "status": "active"}, ["later", "in project", "plain", "operator"]),
        ({"mode": "test", "status": "expired"}, ["gone test"]),
        ({"status": "expired", "text": "gone"}, ["gone test", "gone"]),
        ({"text": "late", "status": "revoked"}, ["revoked late"]),
        ({"text": "gone te"}, ["gone test"]),
        ({"text": "gone zebra"}, []),
        ({"mode": "test", "text": "test", "status": "active"}, ["test mode"]),
    ],
)
def test_filters_narrow_each_other(shelf: Shelf, parameters: dict[str, str], names: list[str]) -> None:
    assert shelf.names(**parameters) == names


def test_filters_by_project_and_time_narrow_each_other(shelf: Shelf) -> None:
    later = {"expiring_before": shelf.at(365)}
    assert shelf.names(project_id=shelf.project, **later) == ["later"]
    assert shelf.names(mode="test", **later) == []
    assert shelf.names(status="active", **later) == ["later"]
    assert shelf.names(status="expired", **later) == ["gone", "gone test", "soon"]
    assert shelf.names(status="revoked", **later) == []
    assert shelf.names(project_id=shelf.project, unused_since=shelf.at(9)) == ["in project", "later"]
    assert shelf.names(unused_since=shelf.at(9), **later) == ["later"]
    everything = {"project_id": shelf.project, "mode": "live", "status": "active", "text": "lat"}
    assert shelf.names(**everything, **later, unused_since=shelf.at(9)) == ["later"]


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("billing", True),
        ("BILL", True),
        ("b", True),
        ("illing", False),
        ("service billing", True),
        ("billing,service!", True),
        ("billings", False),
        ("счё", True),
        ("СЧЁТ", True),
        ("strasse", True),
        ("STRAẞE", True),
        ("ﬁnance", True),
        ("finance", True),
        ("東京", True),
        ("東", True),
        ("京", False),
        ("eu-west", True),
        ("cluster", True),
        ("a%", False),
        ("_", False),
    ],
)
def test_text_finds_words_by_their_beginning_whatever_their_case_or_form(
    shared_server: RunningServer, client: Client, text: str, is_found: bool
) -> None:
    if not client.get("/v1/api-keys", params={"text": "billing"}).json()["data"]:
        shared_server.create_key(name="Billing service, Счёт Straße", description="Finance\n東京 eu-west cluster 50%")
    names = [key["name"] for key in client.get("/v1/api-keys", params={"text": text}).json()["data"]]
    assert ("Billing service, Счёт Straße" in names) is is_found


def test_text_finds_a_key_by_its_last_four_however_much_is_written_about_it(
    shared_server: RunningServer, client: Client
) -> None:
    created = shared_server.create_key(name="a b c d e f g h", description="i j k l m n o p q r s t u v w x y z")
    found = client.get("/v1/api-keys", params={"text": created["last_four"]}).json()["data"]
    assert created["id"] in [key["id"] for key in found]


def test_text_follows_a_change_of_name(shared_server: RunningServer, client: Client) -> None:
    created = shared_server.create_key(name="Caterpillar")

    def found(text: str) -> list[str]:
        return [key["id"] for key in client.get("/v1/api-keys", params={"text": text}).json()["data"]]

    client.patch(f"/v1/api-keys/{created['id']}", json={"name": "Butterfly"})
    assert (found("caterp"), found("butterf")) == ([], [created["id"]])


# Pages


def walk(client: Client, **parameters: Any) -> Iterator[list[dict[str, Any]]]:
    """Yield page after page."""
    cursor: dict[str, str] = {}
    while True:
        answer = client.get("/v1/api-keys", params={**parameters, **cursor})
        assert answer.status_code == 200, answer.text
        yield answer.json()["data"]
        if answer.json()["next_cursor"] is None:
            return
        cursor = {"cursor": answer.json()["next_cursor"]}


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"status": "active"},
        {"text": "row"},
        {"expiring_before": "2027-06-01T00:00:00Z"},
        {"unused_since": "2027-06-01T00:00:00Z"},
        {"mode": "live", "status": "active", "text": "row"},
    ],
    ids=lambda wanted: "+".join(wanted) or "all",
)
def test_pages_show_every_row_once_while_rows_are_added(server: RunningServer, wanted: dict[str, str]) -> None:
    client = server.client()

    def add(name: str) -> str:
        # Several in the same microsecond, and with the same expiry: only their ids tell them apart.
        key_id: str = server.create_key(name=name, expires_at="2027-01-01T00:00:00Z")["id"]
        return key_id

    there = [add(f"Row {number}") for number in range(11)]
    seen: list[str] = []
    for number, page in enumerate(walk(client, limit=3, **wanted)):
        seen += [key["id"] for key in page]
        server.clock.turn(1)
        if number < 3:
            add(f"Row added while page {number} was read")
    assert len(seen) == len(set(seen)), "a row was shown twice"
    assert set(there) <= set(seen), "a row was left out"


def test_expired_keys_are_paged_the_last_expired_first(server: RunningServer) -> None:
    made = [server.create_key(expires_at=server.clock.at(60 + number // 2))["id"] for number in range(7)]
    server.clock.turn(100)
    pages = list(walk(server.client(), limit=2, status="expired"))
    ids = [key["id"] for page in pages for key in page]
    assert [len(page) for page in pages] == [2, 2, 2, 1]
    assert sorted(ids) == sorted(made)
    expiries = [key["expires_at"] for page in pages for key in page]
    assert expiries == sorted(expiries, reverse=True)


def test_a_page_is_as_long_as_was_asked_and_the_last_one_says_so(server: RunningServer) -> None:
    client = server.client()
    for number in range(101):
        server.clock.turn(1)
        client.post("/v1/api-keys", json={"name": f"{number}"})

    def page(**parameters: int) -> tuple[int, bool]:
        answer = client.get("/v1/api-keys", params=parameters).json()
        return len(answer["data"]), answer["next_cursor"] is not None

    assert page() == (50, True)
    assert page(limit=1) == (1, True)
    assert page(limit=100) == (100, True)
    assert [len(rows) for rows in walk(client, limit=51)] == [51, 51]


@pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "1.0", "1e1", "", " 1", "9" * 30])
def test_a_limit_out_of_bounds_is_refused(client: Client, limit: str) -> None:
    answer = client.get("/v1/api-keys", params={"limit": limit})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert [fault["field"] for fault in answer.json()["errors"]] == ["limit"]


@pytest.mark.parametrize("path", ["/v1/api-keys", "/v1/projects", "/v1/apis", "/v1/users"])
def test_a_cursor_that_is_made_up_or_changed_is_refused(
    shared_server: RunningServer, client: Client, path: str
) -> None:
    shared_server.create_key()
    cursor = client.get("/v1/api-keys", params={"limit": 1}).json()["next_cursor"]
    sealed = bytearray(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    forged = [
        base64.urlsafe_b64encode(bytes(sealed[:at]) + bytes([sealed[at] ^ 1]) + bytes(sealed[at + 1 :]))
        for at in range(len(sealed))
    ]
    forged += [
        b"",
        b"x",
        b"AAAA",
        b"%",
        "é".encode(),
        b"=" * 10,
        b"a" * 512,
        b"a" * 513,
        base64.urlsafe_b64encode(b'[null,"key_0"]'),
    ]
    for text in forged:
        answer = client.get(path, params={"cursor": text.decode().rstrip("=") or ""})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request"), text
        assert [fault["field"] for fault in answer.json()["errors"]] == ["cursor"]


def test_a_cursor_fits_the_list_filters_and_organization_it_was_given_for_and_no_other(
    shared_server: RunningServer, client: Client
) -> None:
    for _ in range(3):
        shared_server.create_key(scopes=["*"])
        client.post("/v1/projects", json={"name": "P"})
    wanted = {"status": "active", "limit": "1"}
    cursor = client.get("/v1/api-keys", params=wanted).json()["next_cursor"]
    of_projects = client.get("/v1/projects", params={"limit": 1}).json()["next_cursor"]
    neighbour = shared_server.client(move_in(shared_server).secret)
    refused = [
        client.get("/v1/api-keys", params={"cursor": cursor}),
        client.get("/v1/api-keys", params={"status": "revoked", "cursor": cursor}),
        client.get("/v1/api-keys", params={"status": "active", "mode": "live", "cursor": cursor}),
        client.get("/v1/projects", params={"cursor": cursor}),
        client.get("/v1/api-keys", params={"cursor": of_projects}),
        client.get("/v1/apis", params={"cursor": of_projects}),
        client.get("/v1/users", params={"cursor": of_projects}),
        neighbour.get("/v1/api-keys", params={**wanted, "cursor": cursor}),
        neighbour.get("/v1/projects", params={"cursor": of_projects}),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [(400, "invalid_request")] * 9
    # The length of a page may change on the way, and so may the key that asks.
    assert client.get("/v1/api-keys", params={"status": "active", "limit": 2, "cursor": cursor}).status_code == 200
    colleague = shared_server.client(shared_server.create_key(scopes=["api-keys:read"])["api_key"])
    assert colleague.get("/v1/api-keys", params={**wanted, "cursor": cursor}).status_code == 200


def test_an_organization_lists_its_own_keys_alone(shared_server: RunningServer, client: Client) -> None:
    shared_server.create_key(name="Ours shared word")
    neighbour = move_in(shared_server)
    theirs = shared_server.client(neighbour.secret)
    for parameters in ({}, {"text": "next"}, {"status": "active"}, {"unused_since": shared_server.clock.at(1)}):
        listed = theirs.get("/v1/api-keys", params=parameters).json()["data"]
        assert {key["organization_id"] for key in listed} <= {neighbour.organization_id}
    assert [key["id"] for key in theirs.get("/v1/api-keys").json()["data"]] == [neighbour.api_key_id]
    assert theirs.get("/v1/api-keys", params={"text": "ours"}).json()["data"] == []
    founded = shared_server.founded
    assert founded is not None
    assert theirs.get("/v1/api-keys", params={"project_id": founded.project.id}).json()["data"] == []
    ours = [key["id"] for page in walk(client, limit=100) for key in page]
    assert neighbour.api_key_id not in ours
