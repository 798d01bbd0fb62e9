"""Nodes on one PostgreSQL under a mixed load, while they and PostgreSQL are killed again and again.

Every client changes keys of its own and asks about everybody's, at whichever node. The choices come from one seed; how
they meet on the machine does not.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import httpx
import msgspec
from sqlalchemy import select

from tests.harness.crashing_postgresql import CrashingPostgresql, crashing_postgresql
from tests.harness.engine import nodes_variables
from tests.harness.process import ServerProcess, run_wayvo
from tests.harness.server import Client
from tests.harness.supervised import SupervisedNode
from tests.integration.halves import refuse_halves
from tests.integration.nodes_model import ASKED, NARROW, SECONDS, WIDE, Change, Key, Ledger, now
from wayvo.core.access.permissions import OWN_AUDIENCE
from wayvo.store.engines import reading_engine
from wayvo.store.tables import api_keys

CLIENTS: Final = 8
SAMPLE: Final = 1000
"""How many keys every node is asked about at the end; the database is looked at for all of them."""

# What was certainly not carried out: the node refused before, or its transaction was rolled back.
NOT_DONE: Final = {"overloaded", "unavailable"}

Kill = Literal["node", "backend", "postmaster"]
KILLS: Final[dict[Kill, int]] = {"node": 11, "backend": 5, "postmaster": 4}


class Answer(NamedTuple):
    """What became of a request: done, not done, or nobody knows."""

    outcome: Literal["done", "not done", "doubtful"]
    document: dict[str, Any]


@dataclass(frozen=True)
class Caller:
    """One client with a connection to each node."""

    nodes: Sequence[Client]
    ledger: Ledger
    chance: random.Random
    is_over: threading.Event

    def some_node(self) -> Client:
        """Return a node."""
        return self.chance.choice(self.nodes)

    def send(self, method: str, path: str, body: object, once: str | None = None) -> Answer:
        """Ask for a change at some node."""
        headers = {} if once is None else {"Idempotency-Key": once}
        try:
            response = self.some_node().request(method, path, json=body, headers=headers)
        except httpx.TransportError:
            # Nobody listens at the moment, or the node was killed: no reason to run in circles.
            self.is_over.wait(0.02)
            return Answer("doubtful", {})
        document: dict[str, Any] = response.json()
        if response.status_code in (200, 201):
            self.ledger.count("acknowledged")
            return Answer("done", document)
        assert response.status_code == 503, response.text
        self.ledger.count(f"503 {document['code']}")
        return Answer("not done" if document["code"] in NOT_DONE else "doubtful", document)

    def insist(self, method: str, path: str, body: object, once: str | None = None) -> Answer:
        """Ask for a change; when nobody knows what became of it, perhaps ask until somebody does."""
        answer = self.send(method, path, body, once)
        if answer.outcome != "doubtful":
            return answer
        self.ledger.count("doubts")
        may_ask_again = self.chance.random() < 0.7
        while may_ask_again and not self.is_over.is_set():
            again = self.send(method, path, body, once)
            # Refused this time, the first one may still have counted.
            if again.outcome == "done":
                return again
        self.ledger.count("doubts left")
        return answer

    def verify(self, key: Key, node: Client) -> str | None:
        """Ask a node about a key; return what it said, ``None`` if it did not decide."""
        asked_at = now()
        try:
            response = node.post("/v1/verify", json={"credential": key.secret, "scopes": [ASKED]})
        except httpx.TransportError:
            return None
        document = response.json()
        if response.status_code == 503:
            self.ledger.count(f"503 {document['code']}")
            return None
        assert response.status_code == 200, response.text
        code: str = document["code"]
        self.ledger.judge(key, code, asked_at, str(node.base_url))
        return code


class Worker:
    """A client at work."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._ledger = caller.ledger
        self._chance = caller.chance
        self._own: list[Key] = []

    def run(self) -> None:
        """Work until the end."""
        steps: list[Callable[[], None]] = [self._create, self._rotate, self._revoke, self._narrow, self._verify]
        try:
            while not self._caller.is_over.is_set():
                self._chance.choices(steps, [20, 8, 10, 8, 54])[0]()
        except BaseException:
            self._ledger.give_up()
            raise

    def _create(self) -> None:
        name = f"key-{self._chance.getrandbits(64):x}"
        answer = self._caller.insist("POST", "/v1/api-keys", {"name": name, "scopes": WIDE}, name)
        if answer.outcome == "done":
            self._take(Key(answer.document["id"], answer.document["api_key"]))
        elif answer.outcome == "doubtful":
            self._ledger.doubtful_creations.append(name)

    def _rotate(self) -> None:
        if (key := self._some_own(lambda key: "rotate" not in key.asked)) is None:
            return
        path, body = f"/v1/api-keys/{key.id}/rotate", {"overlap_seconds": 86_400}
        if answer := self._change(key, "rotate", "POST", path, body, once=f"rotate-{key.id}"):
            key.successor_id = answer["id"]
            self._take(Key(answer["id"], answer["api_key"], tuple(answer["access"][OWN_AUDIENCE])))

    def _revoke(self) -> None:
        if key := self._some_own(lambda _: True):
            self._narrow_or_revoke(key, "revoke", "POST", f"/v1/api-keys/{key.id}/revoke", {"reason": "soak"})

    def _narrow(self) -> None:
        # Not one that is rotated: its successor has taken what it holds now.
        if key := self._some_own(lambda key: not key.asked and key.scopes == WIDE):
            self._narrow_or_revoke(key, "narrow", "PATCH", f"/v1/api-keys/{key.id}", {"scopes": NARROW})

    def _narrow_or_revoke(self, key: Key, change: Change, method: str, path: str, body: object) -> None:
        """Let every node remember the key, change it, and see how long each goes on."""
        if key.secret is not None:
            for node in self._caller.nodes:
                self._caller.verify(key, node)
        if self._change(key, change, method, path, body) is None or key.secret is None:
            return
        for node in self._chance.sample(self._caller.nodes, len(self._caller.nodes)):
            until = now() + 1.5
            while self._caller.verify(key, node) == "valid" and now() < until:
                pass

    def _verify(self) -> None:
        keys = self._ledger.keys
        if keys and (key := self._chance.choice(keys[-400:])).secret is not None:
            self._caller.verify(key, self._caller.some_node())

    def _change(
        self, key: Key, change: Change, method: str, path: str, body: object, once: str | None = None
    ) -> dict[str, Any] | None:
        """Ask for a change of a key; return the answer if there is one. One in doubt ends the work on the key."""
        key.asked.add(change)
        answer = self._caller.insist(method, path, body, once)
        if answer.outcome == "done":
            key.acknowledged[change] = now()
            self._ledger.count(change)
        elif answer.outcome == "not done":
            key.asked.discard(change)
            return None
        if change == "revoke" or answer.outcome == "doubtful":
            self._own.remove(key)
        return answer.document if answer.outcome == "done" else None

    def _take(self, key: Key) -> None:
        self._own.append(key)
        self._ledger.keys.append(key)
        self._ledger.count("keys")

    def _some_own(self, wanted: Callable[[Key], bool]) -> Key | None:
        found = [key for key in self._own[-50:] if wanted(key)]
        return self._chance.choice(found) if found else None


def kills_of(chance: random.Random, number: int) -> list[Kill]:
    """Draw what to kill, each kind at least once."""
    drawn: list[Kill] = [*KILLS, *chance.choices(list(KILLS), list(KILLS.values()), k=number - len(KILLS))]
    chance.shuffle(drawn)
    return drawn


def soak(folder: Path, *, kills: int, answers: tuple[int, int], seed: int, say: Callable[[str], None] = print) -> None:
    """Kill so many times, each time after some number of ``answers`` more; then see that all is as it was told."""
    say(f"SOAK_SEED={seed}")
    chance, ledger, started = random.Random(seed), Ledger(), time.monotonic()
    killed: Counter[Kill] = Counter()
    with ExitStack() as stack:
        server = stack.enter_context(crashing_postgresql())
        variables = {**nodes_variables(server.url), "WAYVO_STALE_SECONDS": "1"}
        assert run_wayvo("migrate", folder=folder, variables=variables).returncode == 0
        operator = ServerProcess(folder, variables=variables).found()["api_key"]
        nodes = [stack.enter_context(SupervisedNode(folder, variables)) for _ in range(2)]

        def clients() -> list[Client]:
            return [stack.enter_context(Client(node.url, operator)) for node in nodes]

        is_over = threading.Event()
        callers = [Caller(clients(), ledger, random.Random(chance.random()), is_over) for _ in range(CLIENTS)]
        with ThreadPoolExecutor(CLIENTS) as pool:
            running = [pool.submit(Worker(caller).run) for caller in callers]
            try:
                for kind in kills_of(chance, kills):
                    ledger.wait_for_answers(chance.randrange(*answers))
                    if ledger.is_given_up or ledger.violations:
                        break
                    _kill(kind, server, nodes, chance)
                    killed[kind] += 1
                ledger.wait_for_answers(answers[1])
            finally:
                is_over.set()
            for future in running:
                future.result(SECONDS)
        _confirm(callers[0], ledger, server.url)
        say(_summary(ledger, killed, seed, time.monotonic() - started))
    assert not ledger.violations, ledger.violations[:20]


def _kill(kind: Kill, server: CrashingPostgresql, nodes: Sequence[SupervisedNode], chance: random.Random) -> None:
    if kind == "node":
        chance.choice(nodes).kill()
        return
    if kind == "backend":
        server.kill_backend(chance)
    else:
        server.kill()
        server.start()


class _Row(NamedTuple):
    revoked_at: int | None
    successor_id: str | None
    scopes: tuple[str, ...]


def _confirm(caller: Caller, ledger: Ledger, url: str) -> None:
    """Compare the database with what was acknowledged, then ask every node about some of it."""
    waiting = threading.Event()
    caller = Caller(caller.nodes, ledger, caller.chance, waiting)
    for name in ledger.doubtful_creations:
        # Whether it happened or not, asking again makes sure that it has happened once.
        answer = caller.send("POST", "/v1/api-keys", {"name": name, "scopes": WIDE}, name)
        while answer.outcome != "done":
            answer = caller.send("POST", "/v1/api-keys", {"name": name, "scopes": WIDE}, name)
    rows, firsts = _rows(url)
    ledger.violations += ledger.misfits(rows)
    ledger.violations += [f"{name} was made {times} times" for name, times in firsts.items() if times != 1]
    ledger.violations += [f"{name} is lost" for name in ledger.doubtful_creations if name not in firsts]
    refuse_halves(url, has_outbox=True)
    asked = [key for key in ledger.keys if key.secret is not None]
    for key in caller.chance.sample(asked, min(SAMPLE, len(asked))):
        row = rows[key.id] if key.id in rows else _Row(None, None, ())
        expected = "revoked" if row.revoked_at else "valid" if ASKED in row.scopes else "insufficient_scope"
        for node in caller.nodes:
            while (code := caller.verify(key, node)) is None:
                waiting.wait(0.05)
            if code != expected:
                ledger.violations.append(f"{key.id}: {code} in the end, where the database says {expected}")


def _rows(url: str) -> tuple[dict[str, Any], Counter[str]]:
    """Return every key's row by its id, and how often there is a key of each name that is nobody's successor."""
    engine = reading_engine(url)
    with engine.connect() as connection:
        found = connection.execute(select(api_keys)).all()
    engine.dispose()
    rows = {
        row.id: _Row(row.revoked_at, row.successor_id, tuple(msgspec.json.decode(row.access)[OWN_AUDIENCE]))
        for row in found
    }
    return rows, Counter(row.name for row in found if row.predecessor_id is None)


def _summary(ledger: Ledger, killed: Counter[Kill], seed: int, seconds: float) -> str:
    counts = ledger.counts
    refused = ", ".join(f"{count} {event}" for event, count in sorted(counts.items()) if event.startswith("503"))
    return "\n".join(
        (
            f"soak of {seconds:.0f} s, SOAK_SEED={seed}",
            f"  killed: {killed['node']} nodes, {killed['backend']} backends, {killed['postmaster']} postmasters",
            f"  acknowledged: {counts['keys']} keys made, {counts['rotate']} rotated, {counts['narrow']} narrowed,"
            f" {counts['revoke']} revoked; {counts['verdicts']} verdicts",
            f"  in doubt: {counts['doubts']}, of which {counts['doubts left']} to the end; {refused or 'no 503'}",
            f"  longest after its answer that a node said otherwise: {ledger.slowest['revoke']:.3f} s of a revocation,"
            f" {ledger.slowest['narrow']:.3f} s of a narrowing",
            f"  violations: {len(ledger.violations)}",
        )
    )
