"""The blocking client over real sockets: where it sends the key, and where it doesn't."""

import pytest

from tests.unit.canned_server import API_KEY, DROPPED, CannedServer, api_key, canned_server, page, problem
from wayvo.client import calls
from wayvo.client.bodies import NewApiKey
from wayvo.client.errors import TransportError, UnsendableError, WayvoError
from wayvo.client.sync import Client

KEY_ID = "key_06f5vqmv9ks7h5nmh6s8v2c1kg"
KEY_PATH = f"/v1/api-keys/{KEY_ID}"


def test_an_answer_comes_typed_and_as_the_server_wrote_it(server: CannedServer) -> None:
    server.answers("GET", KEY_PATH, api_key(name="Zoë"))
    with Client(server.url, API_KEY) as client:
        answer = client.send(calls.get_api_key(KEY_ID))
    assert answer.value.name == "Zoë"
    assert "Zoë".encode() in answer.raw
    assert server.asked[0].headers["authorization"] == f"Bearer {API_KEY}"


def test_a_creation_whose_answer_was_lost_is_repeated_under_the_same_idempotency_key(server: CannedServer) -> None:
    server.answers("POST", "/v1/api-keys", status=DROPPED)
    server.answers("POST", "/v1/api-keys", api_key(api_key=None, replayed=True), status=201)
    pauses: list[float] = []
    with Client(server.url, API_KEY, sleep=pauses.append) as client:
        answer = client.send(calls.create_api_key(NewApiKey(name="n"), idempotency_key="once"))
    assert answer.value.replayed
    assert pauses == [0.2]
    assert [asked.headers["idempotency-key"] for asked in server.asked] == ["once", "once"]


def test_a_server_that_is_not_there_is_a_transport_error_that_names_it_and_not_the_key() -> None:
    with canned_server() as gone:
        pass
    pauses: list[float] = []
    with Client(gone.url, API_KEY, sleep=pauses.append) as client, pytest.raises(TransportError) as failure:
        client.send(calls.whoami())
    assert gone.url in str(failure.value)
    assert API_KEY not in str(failure.value)
    assert len(pauses) == 2


def test_every_page_of_a_listing_is_read(server: CannedServer) -> None:
    server.answers("GET", "/v1/api-keys", page(api_key(name="a"), next_cursor="c1"))
    server.answers("GET", "/v1/api-keys", page(api_key(name="b")))
    with Client(server.url, API_KEY) as client:
        listed = client.collect(calls.list_api_keys())
    assert [item.value.name for item in listed.items] == ["a", "b"]
    assert [asked.query.get("cursor") for asked in server.asked] == [None, ["c1"]]


def test_a_redirect_is_not_followed_so_the_key_goes_to_no_other_host(server: CannedServer) -> None:
    with canned_server() as elsewhere:
        server.answers("GET", "/v1/whoami", status=307, headers={"Location": f"{elsewhere.url}/v1/whoami"})
        with Client(server.url, API_KEY) as client, pytest.raises(WayvoError) as failure:
            client.send(calls.whoami())
        assert failure.value.status == 307
        assert elsewhere.asked == []


@pytest.mark.parametrize(
    "url", ["http://example.com", "http://10.0.0.1:8000", "http://127.0.0.1.example.com", "http://[2001:db8::1]"]
)
def test_a_key_is_not_sent_in_clear_text_to_another_machine(url: str) -> None:
    with pytest.raises(UnsendableError, match="clear text"):
        Client(url, API_KEY)


@pytest.mark.parametrize(
    "url", ["https://example.com", "http://localhost:8000", "http://127.8.8.8", "http://[::1]:8000"]
)
def test_tls_and_this_very_machine_need_no_leave(url: str) -> None:
    with Client(url, API_KEY) as client:
        assert client.url == url


def test_who_knows_that_the_way_is_safe_can_say_so() -> None:
    with Client("http://wayvo.internal:8000", API_KEY, allow_http=True) as client:
        assert repr(client) == "<Client of http://wayvo.internal:8000>"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "wayvo.example.com",
        "ftp://example.com",
        "https://",
        "https://user:secret@example.com",
        "https://example.com/?a=b",
        "https://example.com/#a",
        "https://example.com?",
        "http://127.0.0.1\\@example.com",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:0",
        "http://[::1",
        "https://exa mple.com",
        "https://example.com\n",
    ],
)
def test_a_url_that_is_none_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(UnsendableError) as refused:
        Client(url, API_KEY)
    assert "secret" not in str(refused.value)


def test_no_proxy_sees_what_goes_to_this_machine_in_clear_text(
    server: CannedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers("GET", KEY_PATH, api_key())
    with canned_server() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        with Client(server.url, API_KEY) as client:
            client.send(calls.get_api_key(KEY_ID))
        assert proxy.asked == []


def test_a_server_below_a_path_is_reached(server: CannedServer) -> None:
    server.answers("GET", f"/wayvo{KEY_PATH}", api_key())
    with Client(f"{server.url}/wayvo/", API_KEY) as client:
        client.send(calls.get_api_key(KEY_ID))
    assert server.asked[0].path == f"/wayvo{KEY_PATH}"


def test_the_key_stands_in_no_repr_error_or_url(server: CannedServer) -> None:
    server.answers("GET", "/v1/whoami", problem("revoked", 401, "The key was revoked."), status=401)
    with Client(server.url, API_KEY) as client, pytest.raises(WayvoError) as failure:
        client.send(calls.whoami())
    assert API_KEY not in f"{client!r}{failure.value!r}{vars(failure.value)}"
    assert all(API_KEY not in asked.target for asked in server.asked)
