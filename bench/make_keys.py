"""Makes a database with very many API keys, straight through the store's tables.

``python -m bench.make_keys FOLDER [--keys 1000000]`` founds an installation in FOLDER, gives it other organizations,
projects and keys as a grown installation has them, and prints, as JSON, a secret that works and what was founded.
The operator's organization owns half of the keys; a tenth of all keys are revoked, and half have an expiry.
"""

import argparse
import json
import os
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, text

from bench import say, served
from wayvo.core.access.permissions import OWN_AUDIENCE
from wayvo.core.credentials import format as credential_format
from wayvo.core.credentials.digest import Digester, RootSecret
from wayvo.core.credentials.format import Mode
from wayvo.core.ids import ENTROPY_BYTES, IdKind, new_id
from wayvo.core.instants import DAY_US
from wayvo.core.words import words_of
from wayvo.store.data_folder import DataFolder
from wayvo.store.sqlite import create_sqlite_engine
from wayvo.store.tables import api_key_words, api_keys, organizations, projects

BATCH: Final = 10_000
ORGANIZATIONS: Final = 500
PROJECTS: Final = 2_000
BRAND: Final = "wv"
PURPOSES: Final = (
    "Deploy",
    "CI",
    "Backend",
    "Webhook receiver",
    "Nightly export",
    "Mobile app",
    "Data sync",
    "Support",
)
PLACES: Final = ("eu-west", "us-east", "staging", "production", "Berlin", "Tokyo", "blue", "green")
TEAMS: Final = ("payments", "search", "growth", "platform", "billing", "identity", "logistics", "insight")
ACCESS: Final = tuple(
    json.dumps({OWN_AUDIENCE: scopes}, separators=(",", ":"))
    for scopes in (["projects:read"], ["projects:read", "users:read"], ["*"])
)


def make(folder: Path, keys: int, *, seed: int = 1, working: int = 1, network: str = "10.0.0.0/8") -> dict[str, Any]:
    """Make the database; return what was founded, and the secrets of up to ``working`` keys that work, with their ids.

    A quarter of the keys may be used from ``network`` only.
    """
    founded: dict[str, Any] = served.init(folder)
    digester = Digester(RootSecret(DataFolder(folder).secret(os.urandom, may_create=False)))
    maker = _Maker(founded, digester, random.Random(seed), working, network)  # noqa: S311 - reproducible, not secret
    engine = create_sqlite_engine(folder / "wayvo.db", "BEGIN IMMEDIATE")
    with engine.connect() as connection:
        cursor = connection.connection.cursor()
        # Nobody else is here, and a crash only means to begin again.
        cursor.execute("PRAGMA synchronous=OFF")
        cursor.execute("PRAGMA cache_size=-524288")
        with connection.begin():
            indexes = _drop_indexes(connection)
            connection.execute(organizations.insert(), maker.organizations)
            connection.execute(projects.insert(), maker.projects)
        for start in range(0, keys, BATCH):
            with connection.begin():
                rows = list(maker.keys(min(BATCH, keys - start)))
                connection.execute(api_keys.insert(), rows)
                connection.execute(api_key_words.insert(), list(_words(rows)))
        with connection.begin():
            # In their old order: it decides between plans.
            for statement in indexes:
                connection.execute(text(statement))
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return founded | {"secrets_that_work": maker.secrets_that_work, "keys": keys}


def _drop_indexes(connection: Connection) -> list[str]:
    found = connection.execute(
        text("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql LIKE '%api_key%' ORDER BY rowid")
    ).all()
    for name, _ in found:
        connection.execute(text(f"DROP INDEX {name}"))
    return [sql for _, sql in found]


def _words(rows: list[dict[str, Any]]) -> Iterator[dict[str, str]]:
    for row in rows:
        for word in words_of(f"{row['last_four']} {row['name']} {row['description']}"):
            yield {"organization_id": row["organization_id"], "word": word, "api_key_id": row["id"]}


class _Maker:
    """Makes rows that look like those of an installation some years old."""

    def __init__(
        self, founded: dict[str, Any], digester: Digester, chance: random.Random, working: int, network: str
    ) -> None:
        self._founded = founded
        self._working = working
        self._networks = ("[]", "[]", "[]", json.dumps([network]))
        self._digester = digester
        self._chance = chance
        self._now = time.time_ns() // 1000
        self.organizations = [
            {"id": self._id("org", self._now), "name": f"Customer {number}", "created_at": self._now}
            for number in range(ORGANIZATIONS)
        ]
        owners = [founded["organization_id"]] * 20 + [row["id"] for row in self.organizations]
        self.projects = [
            {
                "id": self._id("prj", self._now),
                "organization_id": owners[number % len(owners)],
                "name": f"{chance.choice(TEAMS).title()} {number}",
                "description": "",
                "created_at": self._now,
            }
            for number in range(PROJECTS)
        ]
        self._own = [row for row in self.projects if row["organization_id"] == founded["organization_id"]]
        self.secrets_that_work: dict[str, str] = {}

    def keys(self, count: int) -> Iterator[dict[str, Any]]:
        """Yield that many keys."""
        for _ in range(count):
            yield self._key()

    def _id(self, kind: IdKind, now_us: int) -> str:
        return new_id(kind, now_us, self._chance.randbytes(ENTROPY_BYTES))

    def _key(self) -> dict[str, Any]:
        chance = self._chance
        mode = Mode.LIVE if chance.random() < 0.8 else Mode.TEST
        created_at = self._now - chance.randrange(1, 1000 * DAY_US)
        expires_at = chance.choice((None, created_at + chance.randrange(1, 2000) * DAY_US))
        has_expired = expires_at is not None and expires_at <= self._now
        revoked_at = chance.randrange(created_at, self._now) if chance.random() < 0.1 else None
        last_used_at = chance.randrange(created_at, self._now) if chance.random() < 0.8 else None
        project = chance.choice(self._own if chance.random() < 0.5 else self.projects)
        # Most keys of a large organization are in few projects.
        if project["organization_id"] == self._founded["organization_id"] and chance.random() < 0.8:
            project = self._own[0]
        key_id = self._id("key", created_at)
        # Of the digests only few secrets are given away, but every one has a secret.
        secret = credential_format.mint(BRAND, mode, chance.randbytes(credential_format.ENTROPY_BYTES))
        works = not has_expired and revoked_at is None and mode is Mode.LIVE
        if works and len(self.secrets_that_work) < self._working:
            self.secrets_that_work[secret] = key_id
        return {
            "id": key_id,
            "organization_id": project["organization_id"],
            "project_id": project["id"],
            "digest": self._digester(secret.encode()),
            "digest_secret": self._digester.fingerprint,
            "name": f"{chance.choice(PURPOSES)} {chance.choice(PLACES)} {chance.randrange(1000)}",
            "description": chance.choice(("", f"Asked for by {chance.choice(TEAMS)}")),
            "mode": mode.value,
            "access": chance.choice(ACCESS),
            "allowed_networks": chance.choice(self._networks),
            "metadata": f'{{"team":"{chance.choice(TEAMS)}"}}',
            "prefix": credential_format.key_prefix(BRAND, mode),
            "last_four": credential_format.last_four(secret),
            "created_at": created_at,
            "created_by": self._founded["api_key_id"],
            "expires_at": expires_at,
            "revoked_at": revoked_at,
            "revocation_reason": None if revoked_at is None else "No longer needed",
            "ended_at": revoked_at or (expires_at if has_expired else None),
            "last_used_at": last_used_at,
            "last_used_network": None if last_used_at is None else f"203.0.113.{chance.randrange(256)}",
            "idle_since": last_used_at or created_at,
            "predecessor_id": None,
            "successor_id": None,
        }


def main() -> None:
    """Make a database and print what is in it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--keys", type=int, default=1_000_000)
    options = parser.parse_args()
    started = time.perf_counter()
    made = make(options.folder, options.keys)
    sys.stderr.write(f"made in {time.perf_counter() - started:.0f} s\n")
    say(json.dumps(made, indent=2))


if __name__ == "__main__":
    main()
