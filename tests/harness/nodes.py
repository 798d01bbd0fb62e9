"""Several whole servers on one PostgreSQL database, with one clock: each in a thread of its own, over real HTTP."""

import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tests.harness.clock import TurnedClock
from tests.harness.engine import nodes_variables
from tests.harness.proxy import eventually
from tests.harness.server import Client, RunningServer


class Nodes:
    """The nodes that were started so far. The first one founds the installation; ``key`` is the operator's."""

    def __init__(self, folder: Path, url: str) -> None:
        self.clock = TurnedClock()
        self.url = url
        self._folder = folder
        self._stack = ExitStack()
        self._servers: list[RunningServer] = []

    @property
    def key(self) -> str:
        """The operator's first key."""
        return self._servers[0].key

    def start(self, through: str | None = None, **environment: str) -> "Node":
        """Start one more node, which reaches the database at the URL ``through`` if that is given."""
        variables = {"WAYVO_DATA_DIR": str(self._folder), **nodes_variables(through or self.url), **environment}
        server = self._stack.enter_context(RunningServer(self._folder, self.clock, **variables))
        self._servers.append(server)
        return Node(server, self.key)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()


class Node:
    """One node, and clients of it: the operator, and nobody in particular."""

    def __init__(self, server: RunningServer, key: str) -> None:
        self.server = server
        self.operator: Client = server.client(key)
        self.nobody: Client = server.client(None)

    def create_key(self, **fields: Any) -> dict[str, Any]:
        """Create a key with the operator's."""
        return answer(self.operator.post("/v1/api-keys", json={"name": "A key", **fields}), 201)

    def decision(self, secret: str, **query: str) -> str:
        """Return ``valid`` or the code of the denial for whoever presents ``secret``."""
        response = self.ask(secret, **query)
        return "valid" if response.status_code == 200 else str(response.json()["code"])

    def ask(self, secret: str, **query: str) -> httpx.Response:
        """Return what forward-auth answers whoever presents ``secret``."""
        return self.nobody.get("/v1/forward-auth", params=query, headers={"Authorization": f"Bearer {secret}"})

    def wait_for(self, code: str, secret: str, seconds: float = 30, **query: str) -> None:
        """Ask until the decision is ``code``."""
        eventually(lambda: self.decision(secret, **query) == code, f"the decision {code}", seconds)

    def readiness(self) -> dict[str, Any]:
        """Return what ``/readyz`` says, and its status as ``http``."""
        response = self.nobody.get("/readyz")
        document: dict[str, Any] = response.json()
        return {**document, "http": response.status_code}

    def catch_up(self) -> None:
        """Wait until all that was committed before this call is known to the node."""
        since = time.monotonic()

        def is_up_to_date() -> bool:
            asked_after = time.monotonic() - since
            silence: float = self.readiness()["bus_silence_seconds"]
            return silence < asked_after

        eventually(is_up_to_date, "the node has caught up")


def answer(response: httpx.Response, status: int) -> dict[str, Any]:
    """Return an answer's document; its status has to be this."""
    assert response.status_code == status, response.text
    document: dict[str, Any] = response.json()
    return document
