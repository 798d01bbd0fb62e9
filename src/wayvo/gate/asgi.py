"""The machine door on the ordinary ASGI way: reads the body, fetches what is missing, asks the handler again."""

from collections.abc import Mapping
from typing import Any, Final

from wayvo.core.errors import BodyTooLarge, Overloaded, Problem, StorageUnavailable
from wayvo.core.header_fields import fields_of
from wayvo.edge.asgi import BodyOverLimit, ClientGone, Receive, Scope, Send, read_body, request_id_of
from wayvo.gate.lanes import LaneHandler
from wayvo.gate.wire import CLOSING, Answer, Problems, Request
from wayvo.store.database import DatabaseBusy, DatabaseUnavailable
from wayvo.verify.handler import Loaded, Missing, Verifier

MAX_ROUNDS: Final = 4
"""A handler looks up two credentials; a cache under pressure may drop the first while the second is read."""


class Lane:
    """One lane as an ASGI application."""

    def __init__(self, lane: LaneHandler, verifier: Verifier, problems: Problems) -> None:
        self._handler = lane.handler
        self._verifier = verifier
        self._problems = problems
        self._max_body_bytes = lane.max_body_bytes
        self._always = lane.always

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = request_id_of(scope)
        body = b""
        if self._max_body_bytes is not None:
            try:
                body = await read_body(scope, receive, self._max_body_bytes)
            except BodyOverLimit:
                refusal = BodyTooLarge(f"The body may have {self._max_body_bytes} bytes.")
                await _send(send, self._problems.answer(refusal, request_id, CLOSING))
                return
            except ClientGone:
                return
        client = scope.get("client")
        request = Request(
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"],
            fields=fields_of(scope["headers"]),
            body=body,
            peer=client[0] if client else "",
            request_id=request_id,
        )
        await _send(send, await self._answer(request))

    async def _answer(self, request: Request) -> Answer:
        loaded: Loaded = {}
        try:
            for _ in range(MAX_ROUNDS):
                answer = self._handler(request, loaded)
                if not isinstance(answer, Missing):
                    return answer
                loaded = {**loaded, **await self._verifier.load(answer)}
        except DatabaseBusy:
            return self._refuse(Overloaded("Too many credentials have to be looked up."), request)
        except DatabaseUnavailable:
            return self._refuse(StorageUnavailable("The credential could not be looked up."), request)
        raise RuntimeError("a handler misses what was loaded for it")

    def _refuse(self, problem: Problem, request: Request) -> Answer:
        return self._problems.answer(problem, request.request_id, self._always)


async def _send(send: Send, answer: Answer) -> None:
    length = (b"content-length", str(len(answer.body)).encode())
    start: Mapping[str, Any] = {"type": "http.response.start", "status": answer.status}
    await send({**start, "headers": [*answer.headers(), length]})
    await send({"type": "http.response.body", "body": answer.body})
