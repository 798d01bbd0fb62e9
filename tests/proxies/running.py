"""The examples' proxies: how each is run, with nothing of its example changed but the ports."""

import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from tests.architecture.project import ROOT
from tests.harness.proxy import eventually
from tests.harness.server import free_port
from tests.services.catalogue import SERVICES
from tests.services.guardian import guarded

EXAMPLES: Final = ROOT / "examples"
LISTENS, WAYVO, UPSTREAM = 8080, 8000, 9000
"""The ports in the examples: the proxy's own, Wayvo's, the protected API's."""

HOMES: Final = ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")

# What the example is a part of, on a machine that has the package.
NGINX_CONF: Final = """
daemon off;
pid nginx.pid;
{user}
events {{}}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include wayvo.conf;
}}
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """A proxy. Commands are without the program's path, and run in a folder that holds the example's files."""

    name: str
    run: tuple[str, ...]
    check: tuple[str, ...]
    surround: Callable[[Path], None] = lambda _folder: None


def _nginx_conf(folder: Path) -> None:
    # Workers of another user could not write to the folder.
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(NGINX_CONF.format(user=user), encoding="utf-8")


KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind(
            "nginx",
            run=("-p", ".", "-e", "stderr", "-c", "nginx.conf"),
            check=("-p", ".", "-e", "stderr", "-c", "nginx.conf", "-t"),
            surround=_nginx_conf,
        ),
        Kind("haproxy", run=("-db", "-f", "haproxy.cfg"), check=("-c", "-f", "haproxy.cfg")),
        Kind(
            "caddy",
            run=("run", "--config", "Caddyfile"),
            check=("validate", "--config", "Caddyfile"),
        ),
        Kind(
            "traefik",
            run=("--configfile=traefik.yaml",),
            # It has no check of its own.
            check=(),
        ),
        Kind(
            "envoy",
            run=("-c", "envoy.yaml", "--use-dynamic-base-id", "--concurrency", "1"),
            check=("-c", "envoy.yaml", "--mode", "validate"),
        ),
    )
}


def lay_out(kind: Kind, folder: Path, ports: Mapping[int, int]) -> None:
    """Put the example's files into ``folder``, with other ports."""
    for path in (EXAMPLES / kind.name).iterdir():
        text = path.read_text(encoding="utf-8")
        text = re.sub(r"\b\d+\b", lambda number: str(ports.get(int(number[0]), number[0])), text)
        (folder / path.name).write_text(text, encoding="utf-8")
    kind.surround(folder)


def command(kind: Kind, arguments: tuple[str, ...], folder: Path) -> list[str]:
    """Return a command with the program's path, its files kept to ``folder``; the test needs that service."""
    program = SERVICES[kind.name].find()
    assert program is not None
    # Caddy would take a port of its own for being told what to do, and keep files in the user's home.
    variables = [f"CADDY_ADMIN=unix/{folder}/admin", *(f"{name}={folder}" for name in HOMES)]
    return ["env", *variables, program, *arguments]


@contextmanager
def running(
    kind: Kind, wayvo: int, upstream: int, change: Callable[[Path], None] = lambda _folder: None
) -> Iterator[str]:
    """Run the example between these two ports; yield its URL. ``change`` may alter its files first."""
    port = free_port()
    folder = Path(tempfile.mkdtemp(prefix=f"wayvo-{kind.name}-"))
    lay_out(kind, folder, {LISTENS: port, WAYVO: wayvo, UPSTREAM: upstream})
    change(folder)
    with _served(kind, folder, port) as url:
        yield url


@contextmanager
def proxy_of(kind: Kind, files: Mapping[str, str], port: int) -> Iterator[str]:
    """Run a proxy with files of the test's own, which let it listen on ``port``; yield its URL."""
    folder = Path(tempfile.mkdtemp(prefix=f"wayvo-{kind.name}-"))
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    with _served(kind, folder, port) as url:
        yield url


def port_of(url: str) -> int:
    """Return the port in a URL."""
    port = urlsplit(url).port
    assert port is not None
    return port


@contextmanager
def _served(kind: Kind, folder: Path, port: int) -> Iterator[str]:
    url = f"http://127.0.0.1:{port}"
    with guarded(folder, command(kind, kind.run, folder)):
        try:
            eventually(lambda: _is_serving(url), f"{kind.name} serves")
        except AssertionError as error:
            raise AssertionError((folder / "log").read_text(encoding="utf-8", errors="replace")) from error
        yield url


def _is_serving(url: str) -> bool:
    """Say whether the proxy listens and knows its routes."""
    try:
        return httpx.get(url, timeout=30).status_code != 404
    except httpx.TransportError:
        return False
