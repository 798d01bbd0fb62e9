"""A little HTTP server on loopback that answers what a test told it to, and remembers what it was asked."""

import json
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from wayvo.core.credentials.format import Mode, mint

API_KEY = mint("wv", Mode.LIVE, bytes(range(32)))
NEW_SECRET = mint("wv", Mode.LIVE, bytes(range(32, 64)))
DROPPED = 0
"""As a status: close the connection without an answer."""


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    target: str
    headers: Mapping[str, str]
    body: Any


@dataclass
class CannedServer:
    """Answers in the order in which they were given; the last one stays."""

    url: str
    asked: list[Asked] = field(default_factory=list)
    _answers: dict[tuple[str, str], deque[tuple[int, bytes, dict[str, str]]]] = field(default_factory=dict)

    def answers(
        self, method: str, path: str, body: Any = None, *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        """Add an answer to ``method path``; bytes go out as they are, anything else as JSON."""
        kind = "application/json" if status < 400 else "application/problem+json"
        raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        answer = (status, raw, {"Content-Type": kind, **(headers or {})})
        self._answers.setdefault((method, path), deque()).append(answer)

    def take(self, method: str, path: str) -> tuple[int, bytes, dict[str, str]]:
        """Return the answer that is due."""
        due = self._answers.get((method, path))
        if due is None:
            return 404, json.dumps(problem("not_found", 404, "Nothing here.")).encode(), {}
        return due.popleft() if len(due) > 1 else due[0]


@contextmanager
def canned_server() -> Iterator[CannedServer]:
    """Serve on a free port until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length", "0"))
            body = json.loads(self.rfile.read(length)) if length else None
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = parse_qs(parts.query, keep_blank_values=True)
            canned.asked.append(Asked(self.command, parts.path, query, self.path, headers, body))
            status, raw, answered = canned.take(self.command, parts.path)
            if status == DROPPED:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in {"Content-Length": str(len(raw)), **answered}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer  # noqa: N815 - http.server looks for these names

        def log_message(self, format: str, *args: Any) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        canned = CannedServer(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield canned
        finally:
            server.shutdown()
            thread.join()


def problem(code: str, status: int, detail: str, **more: Any) -> dict[str, Any]:
    """Return a problem as the contract writes it."""
    docs = f"http://127.0.0.1:8000/docs/errors/{code}"
    return {
        "type": docs,
        "title": code,
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": "req_1",
        **more,
    }


def api_key(**changes: Any) -> dict[str, Any]:
    """Return an API key as the contract writes it."""
    return {
        "id": "key_06f5vqmv9ks7h5nmh6s8v2c1kg",
        "organization_id": "org_06f5vqmv9ks7h5nmh6s8v2c1k0",
        "project_id": "prj_06f5vqmv9ks7h5nmh6s8v2c1k1",
        "name": "deploy",
        "description": "",
        "mode": "live",
        "status": "active",
        "principal": {"type": "service_account", "id": "prj_06f5vqmv9ks7h5nmh6s8v2c1k1"},
        "access": {"urn:wayvo:management": ["users:read"]},
        "scopes": ["users:read"],
        "allowed_networks": [],
        "metadata": {},
        "prefix": "wv_live",
        "last_four": "aB3x",
        "created_at": "2026-11-01T10:00:00Z",
        "created_by": None,
        "expires_at": None,
        "revoked_at": None,
        "revocation_reason": None,
        "last_used_at": None,
        "last_used_network": None,
        "predecessor_id": None,
        "successor_id": None,
        **changes,
    }


def page(*items: Any, next_cursor: str | None = None) -> dict[str, Any]:
    """Return a page of a list."""
    return {"data": list(items), "next_cursor": next_cursor}
