"""Keys that were made elsewhere, and imports of them."""

import hashlib
import itertools
import random
import string
from typing import Any, Final

import httpx

from tests.harness.server import Client

BASE62: Final = string.digits + string.ascii_letters
PREFIX: Final = "sk_live_"
FORMAT: Final = {"prefix": PREFIX, "alphabet": "base62", "min_length": 24, "max_length": 24}
_NUMBERS: Final = itertools.count()


def made_elsewhere(prefix: str = PREFIX, length: int = 24) -> str:
    """Return a key that another product may have made; never the same twice."""
    chance = random.Random(f"a key made elsewhere {next(_NUMBERS)}")
    return prefix + "".join(chance.choices(BASE62, k=length))


def sha256(key: str) -> str:
    """Return what an import wants of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def row(key: str, /, **fields: Any) -> dict[str, Any]:
    """Return a row of an import, which may see the users unless ``fields`` say otherwise."""
    return {"sha256": sha256(key), "name": "From elsewhere", "scopes": ["users:read"], **fields}


def send_import(client: Client, *rows: dict[str, Any], **fields: Any) -> httpx.Response:
    """Import rows, of :data:`FORMAT` unless ``fields`` say otherwise."""
    return client.post("/v1/api-keys/import", json={"format": FORMAT, "keys": rows, **fields})


def imported(client: Client, *rows: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Import rows and return the report."""
    response = send_import(client, *rows, **fields)
    assert response.status_code == 200, response.text
    report: dict[str, Any] = response.json()
    return report


def import_one(client: Client, key: str, **fields: Any) -> str:
    """Import a key and return its id."""
    report = imported(client, row(key, **fields))
    assert report["created"] == 1, report
    key_id: str = report["rows"][0]["id"]
    return key_id
