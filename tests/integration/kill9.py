"""A server under a load of writes, killed in the middle of it again and again; and what must be there afterwards.

Every client works on keys of its own, so that what it was told last about a key is what must be true of it. What was
under way at the moment of the kill may have happened or not, but never by half.
"""

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL
from typing import Any

import httpx

from tests.harness.process import ServerProcess
from tests.harness.server import Client
from tests.integration.halves import refuse_halves

CLIENTS = 16
SECONDS = 60


@dataclass
class Key:
    """A key as its client was last told of it."""

    id: str
    secret: str
    successor_id: str | None = None
    is_revoked: bool = False
    doubt: str | None = None
    """What was under way when the server was killed."""


@dataclass
class Ledger:
    """What the server has acknowledged, over all rounds."""

    keys: dict[str, Key] = field(default_factory=dict)
    unanswered_creations: list[str] = field(default_factory=list)
    acknowledged: int = 0
    is_given_up: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)

    def note(self, key: Key | None = None) -> None:
        """Count an acknowledged write, and take its key in."""
        with self.changed:
            if key is not None:
                self.keys[key.id] = key
            self.acknowledged += 1
            self.changed.notify_all()

    def give_up(self) -> None:
        """Wake who waits: a client has failed."""
        with self.changed:
            self.is_given_up = True
            self.changed.notify_all()

    def wait_for(self, count: int) -> None:
        """Wait until that many writes were acknowledged, or a client has failed."""
        with self.changed:
            is_over = self.changed.wait_for(lambda: self.is_given_up or self.acknowledged >= count, SECONDS)
        assert is_over, "the clients are stuck"


class Worker:
    """A client that creates, rotates and revokes until the server is gone."""

    def __init__(self, client: Client, ledger: Ledger, chance: random.Random) -> None:
        self._client = client
        self._ledger = ledger
        self._chance = chance
        self._own: list[Key] = []

    def run(self) -> None:
        """Work until the server is killed."""
        try:
            while True:
                key = self._chance.choice(self._own) if self._own else None
                step = self._chance.random()
                if key is None or step < 0.6:
                    self._create()
                elif step < 0.8:
                    self._rotate(key)
                else:
                    self._revoke(key)
        except httpx.TransportError:
            pass
        except BaseException:
            self._ledger.give_up()
            raise

    def _create(self) -> None:
        name = f"key-{self._chance.getrandbits(64):x}"
        with self._ledger.changed:
            self._ledger.unanswered_creations.append(name)
        answer = create(self._client, name)
        with self._ledger.changed:
            self._ledger.unanswered_creations.remove(name)
        self._take(Key(answer["id"], answer["api_key"]))

    def _rotate(self, key: Key) -> None:
        key.doubt = "rotation"
        answer = sent(self._client.post(f"/v1/api-keys/{key.id}/rotate", json={"overlap_seconds": 86_400}), 201)
        key.doubt, key.successor_id = None, answer["id"]
        self._own.remove(key)
        self._take(Key(answer["id"], answer["api_key"]))

    def _revoke(self, key: Key) -> None:
        key.doubt = "revocation"
        sent(self._client.post(f"/v1/api-keys/{key.id}/revoke", json={}), 200)
        key.doubt, key.is_revoked = None, True
        self._own.remove(key)
        self._ledger.note()

    def _take(self, key: Key) -> None:
        self._own.append(key)
        self._ledger.note(key)


def create(client: Client, name: str) -> dict[str, Any]:
    """Create a key, once however often this is asked."""
    body = {"name": name, "scopes": ["projects:read"]}
    return sent(client.post("/v1/api-keys", json=body, headers={"Idempotency-Key": name}), 201)


def sent(response: httpx.Response, status: int) -> dict[str, Any]:
    """Return the answer, which must be this."""
    assert response.status_code == status, response.text
    answer: dict[str, Any] = response.json()
    return answer


def rounds(folder: Path, *, count: int, writes: tuple[int, int], seed: int, say: Callable[[str], None] = print) -> None:
    """Kill a server ``count`` times after some number of acknowledged writes; check all of them each time."""
    chance = random.Random(seed)
    ledger = Ledger()
    operator = ServerProcess(folder).found()["api_key"]
    for number in range(count):
        moment = ledger.acknowledged + chance.randrange(*writes)
        say(f"seed {seed}, round {number + 1}: kill after {moment} writes")
        with ServerProcess(folder) as server:
            load_until(server, operator, ledger, chance, moment)
        with ServerProcess(folder) as server:
            check(server.client(operator), ledger)
            refuse_halves(f"sqlite:///{server.data_dir / 'wayvo.db'}", has_outbox=True)


def load_until(server: ServerProcess, operator: str, ledger: Ledger, chance: random.Random, moment: int) -> None:
    """Let the clients write until ``moment``, and kill the server under them."""
    workers = [Worker(server.client(operator), ledger, random.Random(chance.random())) for _ in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as pool:
        running = [pool.submit(worker.run) for worker in workers]
        try:
            ledger.wait_for(moment)
        finally:
            assert server.stop(SIGKILL) == -SIGKILL
        for future in running:
            future.result(SECONDS)


def check(client: Client, ledger: Ledger) -> None:
    """Every acknowledged write is there and in force; what was under way is decided, and from now on known."""
    for key in ledger.keys.values():
        shown = sent(client.get(f"/v1/api-keys/{key.id}"), 200)
        if key.doubt == "revocation":
            key.is_revoked = shown["status"] == "revoked"
        elif key.doubt == "rotation":
            key.successor_id = shown["successor_id"]
        key.doubt = None
        expected = "revoked" if key.is_revoked else "valid"
        verdict = sent(client.post("/v1/verify", json={"credential": key.secret}), 200)
        assert verdict["code"] == expected, (key.id, verdict)
        assert shown["successor_id"] == key.successor_id
        assert shown["status"] == ("revoked" if key.is_revoked else "active")
    for name in ledger.unanswered_creations:
        # Whether it happened or not, asking again makes sure that it has happened once.
        created = create(client, name)
        listed = sent(client.get("/v1/api-keys", params={"text": name}), 200)["data"]
        assert [key["id"] for key in listed] == [created["id"]]
    ledger.unanswered_creations.clear()
