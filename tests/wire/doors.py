"""The four doors that decide about a presented credential, asked alike."""

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from tests.harness.server import Client, RunningServer
from wayvo.core.access.permissions import OWN_AUDIENCE

IDENTITY: Final = (
    "Wayvo-Organization-Id",
    "Wayvo-Project-Id",
    "Wayvo-Principal",
    "Wayvo-Credential-Id",
    "Wayvo-Mode",
    "Wayvo-Scopes",
)
ANYWHERE: Final = "203.0.113.200"


@dataclass(frozen=True)
class Asked:
    """What is asked of a door: may the holder of ``credential``, who calls from ``address``, do this?"""

    credential: str
    audience: str = OWN_AUDIENCE
    scopes: Sequence[str] = ()
    mode: str = "live"
    address: str = ANYWHERE


class Doors:
    """A server behind a trusted proxy (this test), and a key that may ask about every credential for its APIs."""

    def __init__(self, folder: Path, **environment: str) -> None:
        trusted = "127.0.0.0/8,10.0.0.0/8,2001:db8:1::/48"
        self.server = RunningServer(folder, WAYVO_TRUSTED_PROXIES=trusted, **environment)

    def open(self) -> None:
        """Make the key of the asker, to be called once the server runs."""
        self.operator = self.server.client()
        self.nobody = self.server.client(None)
        self.asker = self.operator

    def by_post(self, asked: Asked) -> str:
        body = {
            "credential": asked.credential,
            "audience": asked.audience,
            "scopes": list(asked.scopes),
            "mode": asked.mode,
            "ip": asked.address,
        }
        return verdict(self.asker.post("/v1/verify", json=body))

    def by_get(self, asked: Asked) -> str:
        query = {
            "audience": asked.audience,
            "scopes": " ".join(asked.scopes),
            "mode": asked.mode,
            "ip": asked.address,
        }
        return verdict(self.asker.get("/v1/verify", params=query, headers={"Wayvo-Credential": asked.credential}))

    def by_proxy(self, asked: Asked) -> str:
        query = {"audience": asked.audience, "scopes": ",".join(asked.scopes), "mode": asked.mode}
        return denial(self.nobody.get("/v1/forward-auth", params=query, headers=presented(asked)))

    def by_call(self, asked: Asked) -> str:
        """Call the management API itself, which is one audience, in one mode."""
        assert (asked.audience, asked.mode) == (OWN_AUDIENCE, "live"), "there is no other management API to call"
        path = {(): "/v1/whoami", ("users:read",): "/v1/users"}[tuple(asked.scopes)]
        return denial(self.nobody.get(path, headers=presented(asked)))

    def create_key(self, **fields: Any) -> dict[str, Any]:
        """Create a key with the operator's."""
        created = self.operator.post("/v1/api-keys", json={"name": "A key", **fields})
        assert created.status_code == 201, created.text
        found: dict[str, Any] = created.json()
        return found

    def create_api(self, audience: str, *scopes: str, visibility: str = "private") -> str:
        """Register an API and return its id."""
        declared = [{"name": scope} for scope in scopes]
        body = {"audience": audience, "name": "An API", "scopes": declared, "visibility": visibility}
        created = self.operator.post("/v1/apis", json=body)
        assert created.status_code == 201, created.text
        return str(created.json()["id"])

    def let_ask_about(self, *audiences: str) -> Client:
        """Return a client that may ask about the credentials for these audiences, and nothing else."""
        key = self.create_key(access={audience: ["credentials:verify"] for audience in audiences})
        return self.server.client(key["api_key"])


Door = Callable[[Doors, Asked], str]

MACHINE_DOORS: Final[tuple[Door, ...]] = (Doors.by_post, Doors.by_get, Doors.by_proxy)
ALL_DOORS: Final[tuple[Door, ...]] = (*MACHINE_DOORS, Doors.by_call)


def presented(asked: Asked) -> dict[str, str]:
    """Return the headers of a request that a trusted proxy passes on."""
    return {"Authorization": f"Bearer {asked.credential}", "X-Forwarded-For": asked.address}


def verdict(response: httpx.Response) -> str:
    """Return the code of a verdict."""
    assert response.status_code == 200, response.text
    document = response.json()
    assert document["valid"] == (document["code"] == "valid")
    return str(document["code"])


def denial(response: httpx.Response) -> str:
    """Return ``valid``, or the code of a denial."""
    return "valid" if response.is_success else str(problem(response)["code"])


def problem(response: httpx.Response) -> dict[str, Any]:
    """Return a problem document, which has to be a whole one."""
    assert response.headers["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document["status"] == response.status_code
    assert document["request_id"] == response.headers["X-Request-Id"]
    assert document["type"].endswith(f"/docs/errors/{document['code']}")
    assert document["title"]
    assert document["detail"]
    return document


def exchange(url: str, request: bytes) -> httpx.Response:
    """Send these very bytes, which no client library would, and return the answer."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(request)
        received = b""
        while b"\r\n\r\n" not in received:
            received += _more(connection)
        head, _, body = received.partition(b"\r\n\r\n")
        status, *lines = head.split(b"\r\n")
        headers = [(line.partition(b": ")[0], line.partition(b": ")[2]) for line in lines]
        length = int(dict(headers).get(b"content-length", b"-1"))
        while length < 0 or len(body) < length:
            chunk = connection.recv(65_536)
            if not chunk:
                break
            body += chunk
    return httpx.Response(int(status.split(b" ")[1]), headers=headers, content=body)


def _more(connection: socket.socket) -> bytes:
    chunk = connection.recv(65_536)
    assert chunk, "the connection was closed without an answer"
    return chunk
