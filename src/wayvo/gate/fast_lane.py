"""The fast lane: a lane's request is answered straight to the transport, in the callback that completes it.

A handler is a plain function that answers from memory. What it misses, and whatever is unusual about a request, goes
the ordinary ASGI way on the same connection.
"""

import logging
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from wayvo.core.errors import BodyTooLarge, InternalError, Overloaded
from wayvo.core.header_fields import Fields, fields_of
from wayvo.gate.guard import Guard
from wayvo.gate.guarded import GuardedProtocol
from wayvo.gate.lanes import LaneHandler
from wayvo.gate.wire import CLOSING, Answer, Request, announced_bytes
from wayvo.verify.handler import NOTHING_LOADED, Missing

_log = logging.getLogger("wayvo.lane")

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


def guarded_protocol(guard: Guard) -> type[HttpToolsProtocol]:
    """Return the protocol class for ``uvicorn.Config(http=…)``, its connections guarded by ``guard``."""
    return type("FastLane", (FastLaneProtocol,), {"guard": guard})


class FastLaneProtocol(GuardedProtocol):
    """One connection. The scope of ASGI is made only when a request turns out to leave the lane."""

    _lane: LaneHandler | None = None
    _is_answered = False
    _is_missed = False
    """Whether the request that is being read was not answered from memory already."""
    _fields: Fields
    _body_bytes = 0
    _body: list[bytes]

    def give_up(self) -> None:
        lane = self._lane
        if lane is not None and self.is_in_message and not self._is_answered:
            self.is_stopping = True
            request_id = self.guard.request_ids.of(self.peer, self._fields)
            refusal = Overloaded("The server is stopping. Try again in a moment.")
            self._write(self.guard.problems.answer(refusal, request_id, lane.always), request_id)
            self.end()

    def data_received(self, data: bytes) -> None:
        guard = self.guard
        if len(data) <= guard.limits.ordinary_bytes and self.is_quiet():
            ordinary = guard.ordinary.read(data, self.peer)
            if ordinary is not None:
                lane, request = ordinary
                answer = self._ask(lane, request)
                if not isinstance(answer, Missing):
                    self.send(answer, request.request_id, close=False)
                    self.server_state.total_requests += 1
                    self.deadline = guard.now + guard.limits.idle_seconds
                    return
                self._is_missed = True
        super().data_received(data)
        self._is_missed = False

    def on_message_begin(self) -> None:
        self.begin()
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._lane = None
        self._is_answered = False

    def on_headers_complete(self) -> None:
        if not self.is_head_accepted():
            return
        lane = self._find_lane()
        if lane is None:
            self._leave_lane()
            return
        self._lane = lane
        self._fields = fields_of(self.headers)
        self._body = []
        self._body_bytes = 0
        if lane.max_body_bytes is None:
            self._answer(lane, b"")
        elif announced_bytes(self._fields) > lane.max_body_bytes:
            self._refuse_body(lane, lane.max_body_bytes)
        elif self.expect_100_continue:
            self.expect_100_continue = False
            self.transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        lane = self._lane
        if lane is None:
            super().on_body(body)
            return
        self.note_body()
        if not self._is_answered and lane.max_body_bytes is not None:
            self._body_bytes += len(body)
            if self._body_bytes > lane.max_body_bytes:
                self._refuse_body(lane, lane.max_body_bytes)
            else:
                self._body.append(body)

    def on_message_complete(self) -> None:
        lane = self._lane
        if lane is None:
            super().on_message_complete()
            return
        self.is_in_message = False
        self.deadline = self.guard.now + self.guard.limits.idle_seconds
        if not self._is_answered:
            self._answer(lane, b"".join(self._body))
        elif self.is_stopping:
            self.end()

    def is_answered(self) -> bool:
        return super().is_answered() if self._lane is None else self._is_answered

    def _find_lane(self) -> LaneHandler | None:
        if self.pipeline or self._is_missed or self.is_busy():
            return None
        lane = self.guard.lanes.find(self.url.partition(b"?")[0])
        return None if lane is None or self.parser.should_upgrade() else lane

    def _answer(self, lane: LaneHandler, body: bytes) -> None:
        path, _, query = self.url.partition(b"?")
        request_id = self.guard.request_ids.of(self.peer, self._fields)
        request = Request(
            method=self.parser.get_method().decode("ascii"),
            path=path.decode("ascii"),
            query=query,
            fields=self._fields,
            body=body,
            peer=self.peer,
            request_id=request_id,
        )
        answer = self._ask(lane, request)
        if isinstance(answer, Missing):
            self._leave_lane()
            if body:
                super().on_body(body)
            if not self.is_in_message:
                super().on_message_complete()
        else:
            self._write(answer, request_id)

    def _ask(self, lane: LaneHandler, request: Request) -> Answer | Missing:
        try:
            return lane.handler(request, NOTHING_LOADED)
        except Exception:  # noqa: BLE001 - the last place where a failure can be answered
            _log.exception("request failed: %s", request.request_id)
            failure = InternalError("It has been logged under the request id.")
            return self.guard.problems.answer(failure, request.request_id, lane.always)

    def _refuse_body(self, lane: LaneHandler, max_body_bytes: int) -> None:
        self._body.clear()
        self.is_stopping = True
        request_id = self.guard.request_ids.of(self.peer, self._fields)
        refusal = BodyTooLarge(f"The body may have {max_body_bytes} bytes.")
        self._write(self.guard.problems.answer(refusal, request_id, CLOSING), request_id)

    def _leave_lane(self) -> None:
        """Go the ordinary way, as if the request had just begun."""
        url, headers, is_expecting = self.url, self.headers, self.expect_100_continue
        self._lane = None
        HttpToolsProtocol.on_message_begin(self)
        self.url = url
        self.headers.extend(headers)
        self.expect_100_continue = is_expecting
        self.go_ordinary_way()
        if self.is_stopping:
            self.cycle.keep_alive = False

    def _write(self, answer: Answer, request_id: str) -> None:
        self._is_answered = True
        parser = self.parser
        # RFC 9110 §10.1.1: answered while it waits to be told to go on, a client may send its body or leave it out.
        is_waiting = self.is_in_message and self.expect_100_continue
        # Whoever speaks HTTP/1.0 is let go, also when he asks to stay.
        may_stay = b"connection" not in self._fields or parser.get_http_version() != "1.0"
        keep_alive = may_stay and parser.should_keep_alive() and not (self.is_stopping or is_waiting)
        is_told = keep_alive or b"\r\nconnection: close\r\n" in answer.head
        self.send(answer, request_id, close=not is_told, has_body=parser.get_method() != b"HEAD")
        self.server_state.total_requests += 1
        if not keep_alive:
            self.is_stopping = True
            # A client that is still sending is heard out: cut off, it might never read the answer.
            if is_waiting or not self.is_in_message:
                self.end()
