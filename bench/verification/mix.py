"""The requests: the same bytes for everybody, each with another of the warm keys."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from wayvo.core.access.permissions import OWN_AUDIENCE

CLIENTS_NETWORK: Final = "198.51.100.0/24"
"""Where the clients come from; a quarter of the keys may be used from nowhere else."""

_FORWARD_AUTH: Final = f"/v1/forward-auth?audience={OWN_AUDIENCE}&scopes=projects:read&mode=live"


def forward_auth(keys: Mapping[str, str]) -> list[bytes]:
    """Return what a reverse proxy asks: ``GET``, the client's credential, the client's address."""
    return [
        (
            f"GET {_FORWARD_AUTH} HTTP/1.1\r\nHost: api.example.com\r\nX-Forwarded-For: {_client(number)}\r\n"
            f"Accept: */*\r\nAuthorization: Bearer {secret}\r\n\r\n"
        ).encode()
        for number, secret in enumerate(keys)
    ]


def verify(keys: Mapping[str, str], asker: str) -> list[bytes]:
    """Return what a protected API asks: ``POST`` with a JSON body, authenticated by the ``asker``'s own key."""
    return [_verify(secret, _client(number), asker) for number, secret in enumerate(keys)]


def creations(key: str, count: int) -> list[bytes]:
    """Return requests that create an API key each."""
    return [
        _post("/v1/api-keys", key, {"name": f"Deploy {number}", "scopes": ["projects:read"]}) for number in range(count)
    ]


def write(path: Path, requests: list[bytes]) -> None:
    """Write requests as ``mix.lua`` reads them."""
    path.write_bytes(b"".join(b"%d\n%b" % (len(request), request) for request in requests))


def _verify(secret: str, address: str, asker: str) -> bytes:
    question = {"credential": secret, "audience": OWN_AUDIENCE, "scopes": ["projects:read"], "ip": address}
    return _post("/v1/verify", asker, question)


def _post(path: str, key: str, content: Mapping[str, object]) -> bytes:
    body = json.dumps(content).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _client(number: int) -> str:
    return f"198.51.100.{number % 250 + 1}"
