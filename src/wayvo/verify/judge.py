"""The decision, from a snapshot and a question. Pure, and the same for keys and (later) tokens."""

from collections.abc import Collection

import msgspec

from wayvo.core.credentials.format import Mode
from wayvo.core.decision import Code
from wayvo.core.operations import Operation
from wayvo.verify.cache import ABSENT, Known
from wayvo.verify.snapshot import Opening, Snapshot


class Question(msgspec.Struct, frozen=True, gc=False):
    """What a protected API wants to know. ``address`` is the client's, ``None`` if it is not known.

    Where ``operation`` stands, the API's declared operations say which scopes are needed, and ``scopes`` counts for
    nothing.
    """

    audience: str
    scopes: Collection[str]
    mode: Mode
    address: str | None
    operation: Operation | None = None


class Decision(msgspec.Struct, frozen=True, gc=False):
    """The code, and whom the credential speaks for; no snapshot for what does not exist or may not be spoken of."""

    code: Code
    snapshot: Snapshot | None
    needed: Collection[str] = ()
    """The scopes that were needed, where it came to them."""


MALFORMED = Decision(Code.MALFORMED, None)
UNKNOWN = Decision(Code.UNKNOWN, None)
UNAVAILABLE = Decision(Code.UNAVAILABLE, None)


def judge(known: Known, question: Question, now_us: int) -> Decision:
    """Decide. The first thing that is wrong gives the code."""
    if known is ABSENT:
        return UNKNOWN
    if known.denial is not None:
        return Decision(known.denial, known)
    if known.expires_at <= now_us:
        return Decision(Code.EXPIRED, known)
    if known.mode is not question.mode:
        return Decision(Code.WRONG_MODE, known)
    opening = known.holding.openings.get(question.audience)
    if opening is None:
        return Decision(Code.WRONG_AUDIENCE, known)
    if known.networks is not None and question.address not in known.networks:
        return Decision(Code.NETWORK_DENIED, known)
    needed = question.scopes if question.operation is None else _scopes_for(question.operation, opening)
    if needed is None:
        return Decision(Code.UNKNOWN_OPERATION, known)
    return Decision(Code.VALID if opening.scopes.issuperset(needed) else Code.INSUFFICIENT_SCOPE, known, needed)


def _scopes_for(operation: Operation, opening: Opening) -> Collection[str] | None:
    return None if opening.operations is None else opening.operations.scopes_for(operation)


def may_ask_from_anywhere(verifier: Snapshot, audience: str) -> bool:
    """Say whether a credential that is good at this moment may ask about others at ``audience``, whatever its address.

    Of the rest :func:`judge` says whether they may from theirs, and what is wrong if not.
    """
    return verifier.networks is None and audience in verifier.holding.verifies


def judge_for(verifier: Snapshot, known: Known, question: Question, now_us: int) -> Decision:
    """Decide for somebody who asks about another's credential.

    Authority comes from the audiences that the verifier may ask about: a credential for none of them is ``unknown``,
    whatever else it is.
    """
    if known is ABSENT or known.holding.audiences.isdisjoint(verifier.holding.verifies):
        return UNKNOWN
    return judge(known, question, now_us)
