"""``/v1/forward-auth…``: a reverse proxy asks whether the request in its hands may pass.

For nginx ``auth_request``, Traefik and Caddy ``forward_auth``, Envoy ``ext_authz``. What is wanted stands in the query
of the proxy's own configuration. Envoy appends the original path and query to the path: below the exact path the query
is the client's, and counts for nothing.

Where the query names no scopes and the API declares operations, the method and the path of the client's request decide.
The proxy tells them in headers; nobody else's word counts.
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
from wayvo.core.operations import NOT_TOLD, Operation
from wayvo.core.problem_json import DENIALS
from wayvo.gate.query import parse_query, refuse_parameter
from wayvo.gate.wire import Answer, Problems, Request
from wayvo.verify.cache import ABSENT, Known
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


_TOLD_IN: Final = (
    (b"x-forwarded-method", b"x-forwarded-uri"),
    (b"x-original-method", b"x-original-uri"),
)
"""Where a proxy tells the method and the target: Traefik and Caddy in the first, the others where they are told to."""


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
        operation = None
        if not wanted.scopes and _has_operations(known, wanted.audience):
            operation = _told_operation(request, self._trusted_proxies)
        question = Question(wanted.audience, wanted.scopes, wanted.mode, address, operation)
        decision = self._verifier.decide(known, question, now_us)
        self._verifier.record(decision, question, now_us)
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


def _has_operations(known: Known | None, audience: str) -> bool:
    if known is None or known is ABSENT:
        return False
    opening = known.holding.openings.get(audience)
    return opening is not None and opening.operations is not None


def _told_operation(request: Request, trusted: Networks) -> Operation:
    """Return what the client does, as the proxy tells it.

    A proxy passes on the client's own headers beside those that it sets: with two stories, either may be made up.
    """
    if request.path != PATH or request.peer not in trusted:
        return NOT_TOLD
    told = {(request.fields.get(method), request.fields.get(uri)) for method, uri in _TOLD_IN} - {(None, None)}
    if len(told) != 1:
        return NOT_TOLD
    method, uri = told.pop()
    if method is None or uri is None:
        return NOT_TOLD
    return Operation(method.decode("latin-1"), uri.decode("latin-1"))


def _identity(snapshot: Snapshot, audience: str) -> bytes:
    opening = snapshot.holding.openings[audience]
    return b"%bwayvo-credential-id: %b\r\n%b%b" % (
        snapshot.owner.head,
        snapshot.credential_id.encode(),
        _MODES[snapshot.mode],
        opening.head,
    )
