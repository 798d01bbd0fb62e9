"""``/v1/verify``: a protected API asks about a credential that was presented to it.

A verdict is 200 with a code, so that a gateway can tell a "no" from a fault. Any other status speaks of the asker.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final

import msgspec

from wayvo.core.access.permissions import OWN_AUDIENCE, VERIFY
from wayvo.core.access.scopes import is_scope
from wayvo.core.actor import Principal
from wayvo.core.credentials.bearer import bearer
from wayvo.core.credentials.format import Mode
from wayvo.core.decision import Code
from wayvo.core.errors import FieldError, InsufficientScope, InvalidField, InvalidRequest, MethodNotAllowed, Problem
from wayvo.core.header_fields import LINE_END
from wayvo.core.instants import to_datetime
from wayvo.core.networks import Networks, client_address, is_address
from wayvo.core.operations import Operation
from wayvo.core.problem_json import DENIALS
from wayvo.core.strict_json import FlatDecoder, locate
from wayvo.gate.query import parse_query, refuse_parameter
from wayvo.gate.wire import JSON, Answer, Problems, Request
from wayvo.verify.handler import Loaded, Missing, Verifier
from wayvo.verify.judge import Decision, Question, may_ask_from_anywhere
from wayvo.verify.snapshot import NEVER

MAX_BODY_BYTES: Final = 16_384
MAX_SCOPES: Final = 50
MAX_PATH_LENGTH: Final = 8192

Scope = Annotated[str, msgspec.Meta(max_length=100)]


class AskedOperation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the client does: a method, and a path as it stands in the request line."""

    method: Annotated[str, msgspec.Meta(min_length=1, max_length=100, examples=["GET"])]
    path: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_PATH_LENGTH, examples=["/v1/invoices/7"])]


class VerifyRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The question. ``ip`` is the client's address, which a credential bound to networks needs."""

    credential: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
    scopes: Annotated[Sequence[Scope], msgspec.Meta(max_length=MAX_SCOPES)] = ()
    audience: Annotated[str, msgspec.Meta(min_length=1, max_length=300)] = OWN_AUDIENCE
    mode: Mode = Mode.LIVE
    ip: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    operation: AskedOperation | None = None

    def __repr__(self) -> str:
        return f"VerifyRequest(audience={self.audience!r})"


_DECODER: Final = FlatDecoder(VerifyRequest, AskedOperation)
_OPERATION: Final = ("method", "path")
_TO_ASK: Final = (VERIFY,)


class VerifyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict. Whom the credential speaks for is told for every code but ``malformed`` and ``unknown``."""

    valid: bool
    code: Code
    principal: Principal | None = None
    organization_id: str | None = None
    project_id: str | None = None
    credential_id: str | None = None
    mode: Mode | None = None
    scopes: tuple[str, ...] = ()
    rate_limits: tuple[()] = ()
    expires_at: datetime | None = None


_WELCOME: Final = (Code.VALID, Code.WRONG_AUDIENCE)
"""What an asker may be on Wayvo's own audience: to ask about another one needs nothing there."""

_ENCODER: Final = msgspec.json.Encoder()
_OF_NOBODY: Final = {code: _ENCODER.encode(VerifyAnswer(valid=code is Code.VALID, code=code)) for code in Code}
_BEGINNINGS: Final = {code: answer.partition(b'"principal"')[0].decode() for code, answer in _OF_NOBODY.items()}


class VerifyHandler:
    """Answers ``POST`` with a JSON body, and ``GET`` with ``Wayvo-Credential`` and a query."""

    def __init__(self, verifier: Verifier, problems: Problems, trusted_proxies: Networks) -> None:
        self._verifier = verifier
        self._problems = problems
        self._trusted_proxies = trusted_proxies

    def __call__(self, request: Request, loaded: Loaded) -> Answer | Missing:
        """Answer from memory, or say what is missing."""
        if request.method not in ("GET", "POST"):
            refusal = MethodNotAllowed("Ask with POST, or with GET and the header Wayvo-Credential.")
            return self._problems.answer(refusal, request.request_id, ((b"allow", b"GET, POST"),))
        now_us = self._verifier.moment()
        verdict = DENIALS[Code.UNAVAILABLE] if now_us is None else self._verdict(request, loaded, now_us)
        if isinstance(verdict, bytes):
            return Answer(200, JSON, verdict)
        if isinstance(verdict, Missing):
            return verdict
        return self._problems.answer(verdict, request.request_id)

    def _verdict(self, request: Request, loaded: Loaded, now_us: int) -> bytes | Problem | Missing:
        """Authenticate who asks, then read the question, then decide: a stranger's body is not even parsed."""
        presented = bearer(request.fields)
        if isinstance(presented, Problem):
            return presented
        asker = self._verifier.look_up(presented, loaded)
        if isinstance(asker, Missing):
            return asker
        address = client_address(request.peer, request.fields, self._trusted_proxies)
        decision = self._verifier.decide(asker, Question(OWN_AUDIENCE, (), Mode.LIVE, address), now_us)
        verifier = decision.snapshot
        if decision.code not in _WELCOME or verifier is None:
            return DENIALS[decision.code]
        question = _from_query(request) if request.method == "GET" else _from_body(request)
        if isinstance(question, Problem):
            return question
        if not may_ask_from_anywhere(verifier, question.audience):
            decision = self._verifier.decide(asker, Question(question.audience, _TO_ASK, Mode.LIVE, address), now_us)
            if decision.code is not Code.VALID:
                return _refusal(decision.code)
        is_distrustful = b"no-cache" in request.fields.get(b"cache-control", b"").split(LINE_END)
        known = self._verifier.look_up(question.credential.encode(), loaded, fresh=is_distrustful)
        if isinstance(known, Missing):
            return known
        self._verifier.note_use(verifier, address, question.audience, _TO_ASK, now_us)
        done = None if question.operation is None else Operation(question.operation.method, question.operation.path)
        asked = Question(question.audience, question.scopes, question.mode, question.ip, done)
        verdict = self._verifier.decide_for(verifier, known, asked, now_us)
        self._verifier.record(verdict, asked, now_us)
        return answer_of(verdict, question.audience)


def answer_of(verdict: Decision, audience: str) -> bytes:
    """Return the :class:`VerifyAnswer` to a question about ``audience``, as it goes out.

    Written as text, which takes half the time of making the struct and encoding it. Nothing has to be escaped: the ids
    are Wayvo's own, and the scopes were encoded when the snapshot was compiled.
    """
    snapshot = verdict.snapshot
    if snapshot is None:
        return _OF_NOBODY[verdict.code]
    opening = snapshot.holding.openings.get(audience)
    owner = snapshot.owner
    project_id, user_id = owner.project.subject, owner.user_id
    kind, principal_id = ("service_account", project_id) if user_id is None else ("user", user_id)
    return (
        f'{_BEGINNINGS[verdict.code]}"principal":{{"type":"{kind}","id":"{principal_id}"}},'
        f'"organization_id":"{owner.organization.subject}","project_id":"{project_id}",'
        f'"credential_id":"{snapshot.credential_id}","mode":"{snapshot.mode}",'
        f'"scopes":{"[]" if opening is None else opening.json},"rate_limits":[],'
        f'"expires_at":{"null" if snapshot.expires_at == NEVER else _instant(snapshot.expires_at)}}}'
    ).encode()


def _instant(instant_us: int) -> str:
    return _ENCODER.encode(to_datetime(instant_us)).decode()


def _refusal(code: Code) -> Problem:
    if code in (Code.WRONG_AUDIENCE, Code.INSUFFICIENT_SCOPE):
        return InsufficientScope(f"Asking about credentials needs the scope {VERIFY} on the audience asked about.")
    return DENIALS[code]


def _from_body(request: Request) -> VerifyRequest | Problem:
    refused = parse_query(request.query, ()) if request.query else None
    if isinstance(refused, Problem):
        return refused
    question = _DECODER.decode(request.body)
    if isinstance(question, Problem):
        return question
    fault = _fault(question)
    return question if fault is None else InvalidField(f"{fault.field}: {fault.message}", (fault,))


def _from_query(request: Request) -> VerifyRequest | InvalidRequest:
    credential = request.fields.get(b"wayvo-credential")
    if not credential or LINE_END in credential:
        fault = FieldError("Wayvo-Credential", "is a header with the credential to ask about, once")
        return InvalidRequest("Wayvo-Credential: is a header with the credential to ask about, once", (fault,))
    parameters = parse_query(request.query, ("audience", "scopes", "mode", "ip", *_OPERATION))
    if isinstance(parameters, InvalidRequest):
        return parameters
    operation = {name: parameters.pop(name) for name in _OPERATION if name in parameters}
    fields: dict[str, object] = {**parameters, "credential": credential.decode("latin-1")}
    if operation:
        for name in _OPERATION:
            if name not in operation:
                return refuse_parameter(name, "is required: an operation is a method and a path")
        fields["operation"] = operation
    if "scopes" in parameters:
        fields["scopes"] = parameters["scopes"].replace(",", " ").split()
    try:
        question = msgspec.convert(fields, VerifyRequest)
    except msgspec.ValidationError as error:
        field, message = locate(str(error))
        fault = FieldError(field.removeprefix("operation."), message)
    else:
        found = _fault(question)
        if found is None:
            return question
        fault = found
    return InvalidRequest(f"{fault.field}: {fault.message}", (fault,))


def _fault(question: VerifyRequest) -> FieldError | None:
    """Return what is wrong with a question of the right shape. A use's address is stored, so it has to be one."""
    for index, scope in enumerate(question.scopes):
        if not is_scope(scope):
            return FieldError(f"scopes[{index}]", "is noun:verb in lower case, such as projects:read")
    if question.operation is not None and question.scopes:
        return FieldError("operation", "stands in place of scopes: name one of the two")
    if question.ip is not None and not is_address(question.ip):
        return FieldError("ip", "is no IP address")
    return None
