"""How a server ends: drained, out of patience, told so at its start, killed. What it acknowledged is there after."""

import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.harness.process import SECONDS, ServerProcess

STOPPING = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
DRAINING = "Waiting for connections to close"


class Exchange:
    """A request whose body arrives when the test says so; the server is in the middle of it when this returns."""

    def __init__(self, server: ServerProcess, path: str, key: str, body: dict[str, Any]) -> None:
        self._body = json.dumps(body).encode()
        self._socket = socket.create_connection(("127.0.0.1", server.port), SECONDS)
        self._received = self._socket.makefile("rb")
        self._socket.sendall(
            f"POST {path} HTTP/1.1\r\nHost: wayvo\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Length: {len(self._body)}\r\nExpect: 100-continue\r\n\r\n".encode()
        )
        assert self._received.readline().startswith(b"HTTP/1.1 100 ")
        assert self._received.readline() == b"\r\n"
        self._socket.sendall(self._body[:1])

    def finish(self) -> httpx.Response:
        """Send the rest and return the answer."""
        self._socket.sendall(self._body[1:])
        return self.answer()

    def answer(self) -> httpx.Response:
        """Return the answer, which ends the connection."""
        with self._socket, self._received:
            head, _, body = self._received.read().partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
        return httpx.Response(int(status.split()[1]), headers=headers, content=body)

    def close(self) -> None:
        """Go away."""
        self._received.close()
        self._socket.close()

    def is_cut(self) -> bool:
        """Say whether the connection ended without an answer."""
        with self._socket, self._received:
            try:
                return self._received.read() == b""
            except ConnectionResetError:
                return True


def is_refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), SECONDS).close()
    except ConnectionRefusedError:
        return True
    return False


@STOPPING
def test_a_server_told_to_stop_finishes_what_it_began_and_begins_nothing_more(
    tmp_path: Path, number: signal.Signals
) -> None:
    with ServerProcess(tmp_path) as server:
        key = server.found()["api_key"]
        idle = server.client(key)
        fresh = idle.post("/v1/api-keys", json={"name": "Fresh", "scopes": ["users:read"]}).json()
        created = Exchange(server, "/v1/api-keys", key, {"name": "Created while draining"})
        verified = Exchange(server, "/v1/verify", key, {"credential": fresh["api_key"]})
        server.send_signal(number)
        server.log.wait_for(DRAINING)
        assert is_refused(server.port)
        with pytest.raises(httpx.TransportError):
            idle.get("/v1/whoami")  # nothing was begun on its connection
        answer = created.finish()
        assert (answer.status_code, answer.headers["connection"]) == (201, "close")
        assert verified.finish().json()["valid"] is True
        assert server.wait() == 0
        assert server.entries()[-1]["event"] == "stopped"
        assert "Traceback" not in server.log.text
    with ServerProcess(tmp_path) as server:
        client = server.client(answer.json()["api_key"])
        assert (
            client.get("/v1/whoami").json()["code"] == "wrong_audience"
        )  # known, with the access that it was made with
        used = server.client(key).get(f"/v1/api-keys/{fresh['id']}").json()
        assert used["last_used_at"] is not None


def test_what_is_not_done_by_the_end_of_the_drain_is_answered_and_holds_nobody_up(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, variables={"WAYVO_DRAIN_SECONDS": "0"}) as server:
        key = server.found()["api_key"]
        abandoned = Exchange(server, "/v1/api-keys", key, {"name": "Never whole"})
        at_the_lane = Exchange(server, "/v1/verify", key, {"credential": key})
        server.send_signal(signal.SIGTERM)
        for answer in (abandoned.answer(), at_the_lane.answer()):
            assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
            assert answer.headers["retry-after"] == "1"
            assert answer.json()["request_id"] == answer.headers["x-request-id"]
        assert server.wait() == 0
        statuses = {entry["route"]: entry["status"] for entry in server.wait_for_requests(1)}
        assert statuses == {"/v1/api-keys": 503}, "the fast lane is counted, not logged"
        assert "Traceback" not in server.log.text


def test_a_second_interrupt_ends_the_drain(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, variables={"WAYVO_DRAIN_SECONDS": "600"}) as server:
        key = server.found()["api_key"]
        begun = Exchange(server, "/v1/verify", key, {"credential": key})
        server.send_signal(signal.SIGINT)
        server.log.wait_for(DRAINING)
        assert server.stop(signal.SIGINT) == 0
        begun.close()
        assert len(server.entries_of("stopped")) == 1


def test_a_server_killed_while_draining_has_lost_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        key = server.found()["api_key"]
        created = server.client(key).post("/v1/api-keys", json={"name": "Acknowledged"}).json()
        begun = Exchange(server, "/v1/api-keys", key, {"name": "Not acknowledged"})
        answered = Exchange(server, "/v1/api-keys", key, {"name": "Acknowledged while draining"})
        server.send_signal(signal.SIGTERM)
        server.log.wait_for(DRAINING)
        assert answered.finish().status_code == 201
        assert server.stop(signal.SIGKILL) == -signal.SIGKILL
        assert begun.is_cut()
    with ServerProcess(tmp_path) as server:
        listed = server.client(key).get("/v1/api-keys").json()["data"]
        assert sorted(row["name"] for row in listed) == ["Acknowledged", "Acknowledged while draining", "Operator"]
        assert created["id"] in {row["id"] for row in listed}


@STOPPING
def test_a_server_told_to_stop_while_it_starts_does_not_begin_to_serve(tmp_path: Path, number: signal.Signals) -> None:
    server = ServerProcess(tmp_path)
    server.data_dir.mkdir()
    secret = server.data_dir / "secret.key"
    os.mkfifo(secret, mode=0o600)
    with server.starting():
        with secret.open("w") as pipe:  # returns when the server waits at the other end
            server.send_signal(number)
            pipe.write("5" * 64)
        assert server.wait() == 0
        events = [entry["event"] for entry in server.entries()]
        assert "serving" not in events
        assert events[-1] == "stopped"
