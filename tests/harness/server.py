"""The whole product in this process: real HTTP on a real port, a real database, a clock that the test turns."""

import asyncio
import os
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import uvicorn

from tests.harness import engine
from tests.harness.clock import TurnedClock
from tests.harness.leaks import leaked
from wayvo.app import Door, open_application
from wayvo.cli.founding import found_installation
from wayvo.core.credentials.format import Mode
from wayvo.gate.fast_lane import guarded_protocol
from wayvo.installation import Installation, open_installation
from wayvo.services.bootstrap import Founded
from wayvo.settings import Settings, load

T = TypeVar("T")


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Client(httpx.Client):
    """An HTTP client that fails the test when a problem document shows a key."""

    def __init__(self, url: str, key: str | None, tls: ssl.SSLContext | None = None) -> None:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        hooks = {"response": [_refuse_leaks]}
        super().__init__(base_url=url, headers=headers, timeout=30, event_hooks=hooks, verify=tls or True)


def _refuse_leaks(response: httpx.Response) -> None:
    if response.headers.get("content-type", "").startswith("application/problem+json"):
        response.read()
        assert not leaked(response.text), "a problem document shows a secret"
    assert not leaked(str(response.headers)), "a header shows a secret"


class RunningServer:
    """A server in a thread of its own. ``key`` is the operator's first, which holds everything on Wayvo's own API."""

    def __init__(self, folder: Path, clock: TurnedClock | None = None, /, **environment: str) -> None:
        self.clock = clock or TurnedClock()
        self.folder = folder
        self._environment = environment
        self._thread = threading.Thread(target=self._run, name="server")
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._clients: list[Client] = []
        self.founded: Founded | None = None
        self.installation: Installation
        self.door: Door

    @property
    def key(self) -> str:
        """The first key's secret."""
        assert self.founded is not None, "the installation was founded by an earlier server"
        return self.founded.issued.secret

    def client(self, key: str | None = "") -> Client:
        """Return a client that presents ``key``: the operator's if it is not given, none if ``None``."""
        client = Client(self.url, self.key if key == "" else key)
        self._clients.append(client)
        return client

    def call(self, step: Callable[[Installation], Awaitable[T]]) -> T:
        """Run ``step`` on the server's own event loop."""
        return self.begin(step).result(60)

    def begin(self, step: Callable[[Installation], Awaitable[T]]) -> Future[T]:
        """Begin ``step`` on the server's own event loop."""

        async def run() -> T:
            return await step(self.installation)

        return asyncio.run_coroutine_threadsafe(run(), self._loop)

    def mint(self) -> str:
        """Return a well-formed key that is not stored."""

        async def step(installation: Installation) -> str:
            return installation.draw.new_secret(Mode.LIVE)

        return self.call(step)

    def create_key(self, **fields: Any) -> dict[str, Any]:
        """Create a key with the operator's and return the answer."""
        response = self.client().post("/v1/api-keys", json={"name": "A key", **fields})
        assert response.status_code == 201, response.text
        created: dict[str, Any] = response.json()
        return created

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(60)
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for client in self._clients:
            client.close()
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(setattr, self._server, "should_exit", True)
            self._thread.join(60)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - handed to the test's thread
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        settings = self._settings(port)
        self._loop = asyncio.get_running_loop()
        async with open_installation(settings, is_server=True, clock=self.clock, entropy=os.urandom) as installation:
            self.installation = installation
            self.founded = await found_installation(
                installation,
                organization="Acme",
                email="owner@acme.example",
                password=None,
                key_name="Operator",
                scopes=("*",),
            )
            async with open_application(installation, settings) as door:
                self.door = door
                self._server = _Server(configuration(door, port), self._ready)
                await self._server.serve()

    def _settings(self, port: int) -> Settings:
        on_engine = engine.chosen().variables(self.folder)
        return load({**on_engine, "WAYVO_BIND": f"127.0.0.1:{port}", **self._environment})


def configuration(door: Door, port: int, **options: Any) -> uvicorn.Config:
    """Return what uvicorn serves ``door`` with, as `wayvo serve` does; ``options`` stand before."""
    settled: dict[str, Any] = {
        "port": port,
        "http": guarded_protocol(door.guard),
        "ws": "none",
        "lifespan": "off",
        "log_config": None,
        "access_log": False,
        "proxy_headers": False,
        "server_header": False,
        "timeout_keep_alive": 75,
    }
    return uvicorn.Config(door.application, **(settled | options))


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: threading.Event) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready.set()
