"""Who calls the management API: the same judge as everywhere, asked about Wayvo's own audience."""

from functools import partial
from typing import cast

from litestar.connection import ASGIConnection
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult
from litestar.types import ASGIApp

from wayvo.api.refusals import Refused
from wayvo.api.strict_request import JUDGE_AGAIN
from wayvo.core.access.permissions import OWN_AUDIENCE
from wayvo.core.actor import NOWHERE, Actor, Origin
from wayvo.core.credentials.bearer import bearer
from wayvo.core.credentials.format import Mode
from wayvo.core.decision import Code
from wayvo.core.errors import Problem
from wayvo.core.header_fields import fields_of
from wayvo.core.networks import Networks, client_address
from wayvo.core.problem_json import DENIALS
from wayvo.edge.asgi import Scope, request_id_of
from wayvo.verify.handler import Verifier
from wayvo.verify.judge import Question
from wayvo.verify.snapshot import Snapshot

PUBLIC = "public"
"""The ``opt`` of a route that needs no credential."""


class Authentication(AbstractAuthenticationMiddleware):
    """Lets pass a live credential with access to Wayvo's own audience; permissions are the services' part."""

    def __init__(self, app: ASGIApp, verifier: Verifier, trusted_proxies: Networks) -> None:
        super().__init__(app, exclude_from_auth_key=PUBLIC)
        self._verifier = verifier
        self._trusted_proxies = trusted_proxies

    async def authenticate_request(self, connection: ASGIConnection) -> AuthenticationResult:  # type: ignore[type-arg] # as the base class has it
        fields = fields_of(connection.scope["headers"])
        presented = bearer(fields)
        if isinstance(presented, Problem):
            raise Refused(presented)
        scope = cast("Scope", connection.scope)
        origin = origin_of(scope, self._trusted_proxies)
        question = Question(OWN_AUDIENCE, (), Mode.LIVE, origin.address)
        actor = await self._judge(presented, question, origin)
        scope[JUDGE_AGAIN] = partial(self._judge, presented, question, origin, is_noted=False)
        return AuthenticationResult(user=actor, auth=actor)

    async def _judge(self, presented: bytes, question: Question, origin: Origin, *, is_noted: bool = True) -> Actor:
        decision = await self._verifier.ask(presented, question, is_noted=is_noted)
        if decision.code is not Code.VALID or decision.snapshot is None:
            raise Refused(DENIALS[decision.code])
        return _actor(decision.snapshot, origin)


def origin_of(scope: Scope, trusted_proxies: Networks) -> Origin:
    """Return where a request comes from, as far as that is known."""
    client = scope.get("client")
    address = client_address(client[0] if client else "", fields_of(scope["headers"]), trusted_proxies)
    return Origin(address or None, request_id_of(scope))


def _actor(snapshot: Snapshot, origin: Origin) -> Actor:
    owner, holding = snapshot.owner, snapshot.holding
    return Actor(
        principal=owner.principal,
        credential_id=snapshot.credential_id,
        organization_id=owner.organization_id,
        project_id=owner.project_id,
        scopes=holding.openings[OWN_AUDIENCE].scopes,
        access=holding.access,
        in_projects=NOWHERE if holding.in_project is None else {owner.project_id: holding.in_project},
        origin=origin,
    )
