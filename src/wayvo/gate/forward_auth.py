"""``/v1/forward-auth…``: a reverse proxy asks whether the request in its hands may pass.

For nginx ``auth_request``, Traefik and Caddy ``forward_auth``, Envoy ``ext_authz``. What is wanted stands in the query
of the proxy's own configuration. Envoy appends the original path and query to the path: below the exact path the query
is the client's, and counts for nothing.
"""

from typing import Final

import msgspec

from wayvo.core.access.permissions import OWN_AUDIENCE
from wayvo.core.access.scopes import is_scope
from wayvo.core.credentials.bearer import bearer
from wayvo.core.credentials.format import Mode
from wayvo.core.decision import Code
from wayvo.core.errors import InvalidRequest, Problem
from wayvo.core.networks import Networks, client_address
from wayvo.core.problem_json import DENIALS
from wayvo.gate.query import parse_query, refuse_parameter
from wayvo.gate.wire import Answer, Problems, Request
from wayvo.verify.handler import Loaded, Missing, Verifier
from wayvo.verify.judge import Question
from wayvo.verify.snapshot import Snapshot

PATH: Final = "/v1/forward-auth"

# Every answer carries every header, empty if need be: a proxy that copies them overwrites what the client made up.
NOBODY: Final = (
    (b"wayvo-organization-id", b""),
    (b"wayvo-project-id", b""),
    (b"wayvo-principal", b""),
    (b"wayvo-credential-id", b""),
    (b"wayvo-mode", b""),
    (b"wayvo-scopes", b""),
)


_MODES: Final = {mode: f"wayvo-mode: {mode.value}\r\n".encode() for mode in Mode}

MAX_KEPT_QUERIES: Final = 256
MAX_KEPT_QUERY_BYTES: Final = 1024


class _Wanted(msgspec.Struct, frozen=True, gc=False):
    """What a proxy's query asks for."""

    audience: str
    scopes: tuple[str, ...]
    mode: Mode


class ForwardAuthHandler:
    """Answers 200, 401 or 403 with identity headers; whatever the method, and without waiting for a body."""

    def __init__(self, verifier: Verifier, problems: Problems, trusted_proxies: Networks) -> None:
        self._verifier = verifier
        self._problems = problems
        self._trusted_proxies = trusted_proxies
        self._wanted: dict[bytes, _Wanted] = {}

    def __call__(self, request: Request, loaded: Loaded) -> Answer | Missing:
        """Answer from memory, or say what is missing."""
        now_us = self._verifier.moment()
        if now_us is None:
            return self._problems.answer(DENIALS[Code.UNAVAILABLE], request.request_id, NOBODY)
        presented = bearer(request.fields)
        if isinstance(presented, Problem):
            return self._problems.answer(presented, request.request_id, NOBODY)
        known = self._verifier.look_up(presented, loaded)
        if isinstance(known, Missing):
            return known
        wanted = self._wanted_by(request.query if request.path == PATH else b"")
        if isinstance(wanted, Problem):
            return self._problems.answer(wanted, request.request_id, NOBODY)
        address = client_address(request.peer, request.fields, self._trusted_proxies)
        question = Question(wanted.audience, wanted.scopes, wanted.mode, address)
        decision = self._verifier.decide(known, question, now_us)
        self._verifier.record(decision, now_us, address)
        if decision.code is not Code.VALID or decision.snapshot is None:
            return self._problems.answer(DENIALS[decision.code], request.request_id, NOBODY)
        return Answer(200, _identity(decision.snapshot, wanted.audience), b"")

    def _wanted_by(self, query: bytes) -> _Wanted | InvalidRequest:
        """Return what a proxy's query asks for. A proxy asks the same again and again: the first answers are kept."""
        wanted = self._wanted.get(query)
        if wanted is not None:
            return wanted
        parsed = _parse(query)
        if isinstance(parsed, _Wanted) and len(self._wanted) < MAX_KEPT_QUERIES and len(query) <= MAX_KEPT_QUERY_BYTES:
            self._wanted[query] = parsed
        return parsed


def _parse(query: bytes) -> _Wanted | InvalidRequest:
    parameters = parse_query(query, ("audience", "scopes", "mode"))
    if isinstance(parameters, InvalidRequest):
        return parameters
    scopes = parameters.get("scopes", "").replace(",", " ").split()
    if not all(is_scope(scope) for scope in scopes):
        return refuse_parameter("scopes", "a scope is noun:verb; separate several by spaces or commas")
    mode = parameters.get("mode", Mode.LIVE)
    if mode not in tuple(Mode):
        return refuse_parameter("mode", "is live or test")
    return _Wanted(parameters.get("audience", OWN_AUDIENCE), tuple(scopes), Mode(mode))


def _identity(snapshot: Snapshot, audience: str) -> bytes:
    opening = snapshot.holding.openings[audience]
    return b"%bwayvo-credential-id: %b\r\n%b%b" % (
        snapshot.owner.head,
        snapshot.credential_id.encode(),
        _MODES[snapshot.mode],
        opening.head,
    )
