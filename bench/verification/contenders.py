"""Who takes part: a name, how it is started, what it is asked, what it should answer."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal

from bench.peers.fastapi_sqlalchemy import models
from bench.peers.keys import PeerKey, peer_keys
from bench.verification import mix, servers
from bench.verification.answers import Says
from bench.verification.servers import PEERS, Running

Mix = Literal["forward_auth", "verify"]


@dataclass(frozen=True, slots=True)
class Ground:
    """What contenders are started with: a folder for their files, the keys (secret to id), Wayvo's data folder."""

    folder: Path
    keys: Mapping[str, str]
    data: Path

    def copy_of_data(self, name: str) -> Path:
        """Return a copy of Wayvo's data folder: a server keeps its own to itself."""
        return Path(shutil.copytree(self.data, self.folder / name))

    def peer_keys(self) -> Iterator[PeerKey]:
        """Return the keys with as much as a peer's own decision needs."""
        return peer_keys(self.keys, mix.CLIENTS_NETWORK)


@dataclass(frozen=True, slots=True)
class Contender:
    """One row of the table. ``floor`` is the contender that it is given in proportion to."""

    name: str
    start: Callable[[Ground], AbstractContextManager[Running]]
    mix: Mix = "forward_auth"
    says: Says = Says.HEADER
    floor: str = "nginx, return 200"
    shares: str | None = None
    """The name of a contender whose server this one asks in another way."""


_TRUSTING: Final = {"WAYVO_TRUSTED_PROXIES": "127.0.0.1/32", "WAYVO_LOG_LEVEL": "warning"}


def _return_200(ground: Ground) -> AbstractContextManager[Running]:
    return servers.nginx(ground.folder / "return_200", "return_200.conf")


@contextmanager
def _key_map(ground: Ground) -> Iterator[Running]:
    folder = ground.folder / "key_map"
    folder.mkdir()
    lines = (f'"Bearer {secret}" {key_id};\n' for secret, key_id in ground.keys.items())
    (folder / "keys.map").write_text("".join(lines), encoding="ascii")
    with servers.nginx(folder, "key_map.conf") as running:
        yield running


def _raw_asgi(ground: Ground) -> AbstractContextManager[Running]:
    return servers.uvicorn(ground.folder, "bench.peers.raw_asgi:app")


@contextmanager
def _fastify(ground: Ground, how: str) -> Iterator[Running]:
    keys = ground.folder / "fastify.keys"
    keys.write_text("".join(f"{json.dumps(key._asdict())}\n" for key in ground.peer_keys()), encoding="ascii")
    with servers.node(ground.folder, PEERS / "fastify" / "server.js", str(keys), how) as running:
        yield running


@contextmanager
def _fastapi(ground: Ground) -> Iterator[Running]:
    database = ground.folder / "fastapi.db"
    models.fill(database, ground.peer_keys())
    application = "bench.peers.fastapi_sqlalchemy.app:app"
    with servers.uvicorn(ground.folder, application, BENCH_DATABASE=str(database)) as running:
        yield running


def _lane(ground: Ground) -> AbstractContextManager[Running]:
    return servers.wayvo(ground.copy_of_data("lane"), **_TRUSTING)


def _without_lane(ground: Ground) -> AbstractContextManager[Running]:
    return servers.wayvo(ground.copy_of_data("asgi"), WAYVO_FAST_LANE="false", **_TRUSTING)


@contextmanager
def _behind_nginx(ground: Ground) -> Iterator[Running]:
    with (
        servers.wayvo(ground.copy_of_data("behind"), **_TRUSTING) as wayvo,
        servers.nginx(ground.folder / "api", "return_200.conf") as api,
        servers.nginx(ground.folder / "front", "auth_request.conf", WAYVO_PORT=wayvo.port, API_PORT=api.port) as front,
    ):
        yield front.with_others(wayvo, api)


@contextmanager
def _trivial_behind_nginx(ground: Ground) -> Iterator[Running]:
    folder = ground.folder / "trivial_front"
    with (
        servers.nginx(ground.folder / "trivial", "return_200.conf") as trivial,
        servers.nginx(ground.folder / "trivial_api", "return_200.conf") as api,
        servers.nginx(folder, "auth_request.conf", WAYVO_PORT=trivial.port, API_PORT=api.port) as front,
    ):
        yield front.with_others(trivial, api)


FLOOR: Final = "nginx, return 200"
POST_FLOOR: Final = "nginx, return 200 to POST"
FRONT_FLOOR: Final = "nginx auth_request, return 200"
FORWARD_AUTH: Final = "Wayvo forward-auth"
VERIFY: Final = "Wayvo POST /v1/verify"
BEHIND: Final = "nginx auth_request, Wayvo"
FASTIFY: Final = "Fastify, bearer-auth, same decision"
FASTIFY_MAP: Final = "Fastify, bearer-auth, map of keys"
FASTAPI: Final = "FastAPI, SQLAlchemy"

CONTENDERS: Final = (
    Contender(FLOOR, _return_200, says=Says.NOTHING),
    Contender("nginx, map of keys, limit_req", _key_map),
    Contender("uvicorn, constant ASGI", _raw_asgi, says=Says.NOTHING),
    Contender(FASTIFY_MAP, partial(_fastify, how="map")),
    Contender(FASTIFY, partial(_fastify, how="decision")),
    Contender(FASTAPI, _fastapi),
    Contender(FORWARD_AUTH, _lane),
    Contender("Wayvo forward-auth, ASGI way", _without_lane),
    Contender(POST_FLOOR, _return_200, mix="verify", says=Says.NOTHING, shares=FLOOR),
    Contender(VERIFY, _lane, mix="verify", says=Says.VERDICT, floor=POST_FLOOR, shares=FORWARD_AUTH),
    Contender(FRONT_FLOOR, _trivial_behind_nginx, says=Says.NOTHING),
    Contender(BEHIND, _behind_nginx, floor=FRONT_FLOOR),
)
