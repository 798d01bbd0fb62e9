"""``/v1/forward-auth…``: a reverse proxy asks whether the request in its hands may pass.

For nginx ``auth_request``, Traefik and Caddy ``forward_auth``, Envoy ``ext_authz``. What is wanted stands in the query
of the proxy's own configuration. Envoy appends the original path and query to the path: below the exact path the query
is the client's, and counts for nothing.
"""

from typing import Final

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


class ForwardAuthHandler:
    """Answers 200, 401 or 403 with identity headers; whatever the method, and without waiting for a body."""

    def __init__(self, verifier: Verifier, problems: Problems, trusted_proxies: Networks) -> None:
        self._verifier = verifier
        self._problems = problems
        self._trusted_proxies = trusted_proxies

    def __call__(self, request: Request, loaded: Loaded) -> Answer | Missing:
        """Answer from memory, or say what is missing."""
        presented = bearer(request.headers)
        if isinstance(presented, Problem):
            return self._problems.answer(presented, request.request_id, NOBODY)
        known = self._verifier.look_up(presented, loaded)
        if isinstance(known, Missing):
            return known
        question = self._question(request)
        if isinstance(question, Problem):
            return self._problems.answer(question, request.request_id, NOBODY)
        decision = self._verifier.decide(known, question)
        self._verifier.record(decision, question.address)
        if decision.code is not Code.VALID or decision.snapshot is None:
            return self._problems.answer(DENIALS[decision.code], request.request_id, NOBODY)
        return Answer(200, _identity(decision.snapshot, question.audience), b"")

    def _question(self, request: Request) -> Question | InvalidRequest:
        address = client_address(request.peer, request.headers, self._trusted_proxies)
        parameters = parse_query(request.query if request.path == PATH else b"", ("audience", "scopes", "mode"))
        if isinstance(parameters, InvalidRequest):
            return parameters
        scopes = parameters.get("scopes", "").replace(",", " ").split()
        if not all(is_scope(scope) for scope in scopes):
            return refuse_parameter("scopes", "a scope is noun:verb; separate several by spaces or commas")
        mode = parameters.get("mode", Mode.LIVE)
        if mode not in tuple(Mode):
            return refuse_parameter("mode", "is live or test")
        return Question(parameters.get("audience", OWN_AUDIENCE), scopes, Mode(mode), address)


def _identity(snapshot: Snapshot, audience: str) -> tuple[tuple[bytes, bytes], ...]:
    scopes = " ".join(snapshot.holding.openings[audience].sorted_scopes)
    return (
        (b"wayvo-organization-id", snapshot.owner.organization_id.encode()),
        (b"wayvo-project-id", snapshot.owner.project_id.encode()),
        (b"wayvo-principal", f"service_account:{snapshot.owner.project_id}".encode()),
        (b"wayvo-credential-id", snapshot.credential_id.encode()),
        (b"wayvo-mode", snapshot.mode.value.encode()),
        (b"wayvo-scopes", scopes.encode()),
    )
