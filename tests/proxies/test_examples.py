"""The examples are whole, and each proxy takes its own."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.project import ROOT
from tests.proxies.running import EXAMPLES, KINDS, Kind, command, lay_out, port_of
from tests.services.plugin import require
from tests.wire.doors import IDENTITY

ABANDONING = """
import os, signal
from tests.proxies.running import KINDS, running

with running(KINDS["nginx"], 9, 9) as url:
    print(url, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""

NAMES_THEM = {"nginx": "wayvo.conf", "haproxy": "wayvo.lua", "caddy": "Caddyfile", "traefik": "wayvo.yaml"}


def test_there_is_an_example_of_every_kind_with_a_page_to_follow() -> None:
    assert sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir()) == sorted(KINDS)
    for name in KINDS:
        page = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
        assert "WAYVO_TRUSTED_PROXIES" in page
        assert all(path.name in page for path in (EXAMPLES / name).iterdir() if path.name != "README.md")


@pytest.mark.parametrize("name", NAMES_THEM)
def test_no_identity_header_is_left_to_the_client(name: str) -> None:
    text = (EXAMPLES / name / NAMES_THEM[name]).read_text(encoding="utf-8").lower()
    assert [header for header in IDENTITY if header.lower() not in text] == []


@pytest.mark.parametrize("kind", [kind for kind in KINDS.values() if kind.check], ids=lambda kind: kind.name)
def test_the_proxys_own_check_has_nothing_to_say(kind: Kind, tmp_path: Path) -> None:
    require(kind.name)
    lay_out(kind, tmp_path, {})
    run = subprocess.run(command(kind, kind.check, tmp_path), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "[warn" not in run.stderr.lower()


@pytest.mark.needs("nginx")
def test_a_killed_test_run_leaves_no_proxy_behind() -> None:
    # The guardian holds the error pipe too, so this returns when it has ended the proxy.
    run = subprocess.run([sys.executable, "-c", ABANDONING], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == -signal.SIGKILL, run.stderr
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port_of(run.stdout.strip())))
