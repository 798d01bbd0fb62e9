"""uvicorn's protocol with bounds: how much may come, how long it may take, how much is answered before others' turn.

This file and :mod:`wayvo.gate.fast_lane`, which builds on it, are the ones that know uvicorn's internals; a contract
test fails when an upgrade changes them.
"""

import asyncio
from typing import Final, cast

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from wayvo.core.errors import HeadersTooLarge, InvalidRequest, Problem, UrlTooLong
from wayvo.gate.guard import Guard
from wayvo.gate.wire import Answer

_CLOSE: Final = b"connection: close\r\n"


class _HeldFlow(FlowControl):
    """Flow control that reads nothing more while something that was read has not been parsed."""

    is_held = False

    def resume_reading(self) -> None:
        if not self.is_held:
            super().resume_reading()


def _length_of(headers: list[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) + 4 for name, value in headers)


class GuardedProtocol(HttpToolsProtocol):
    """One connection, bounded by its guard's limits."""

    guard: Guard
    flow: _HeldFlow

    is_in_message = False
    is_stopping = False
    is_over = False
    """Whether nothing more that comes is listened to."""

    peer = ""
    deadline = float("inf")
    _is_head_complete = False
    _slice_bytes = 0
    _received_bytes = 0
    _framing_bytes = 0
    _unfed = b""
    _received: RequestResponseCycle | None = None
    """The ordinary way's part in the request that is being received."""
    _is_feeding_later = False
    _paused_since: float | None = None

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = _HeldFlow(transport)
        self.peer = self.client[0] if self.client else ""
        self._unanswered: list[RequestResponseCycle] = []
        if len(self.guard.connections) >= self.guard.limits.connections:
            transport.abort()
            return
        self.guard.connections.add(self)
        self.deadline = self.guard.now + self.guard.limits.head_seconds

    def connection_lost(self, exc: Exception | None) -> None:
        self.guard.connections.discard(self)
        self._hold(b"")
        # uvicorn tells the newest only; an older one would go on writing to what is closed.
        for cycle in self._unanswered:
            cycle.disconnected = True
            cycle.message_event.set()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        if self.is_in_message and not self.is_busy():
            # It is being received: it gets its answer, and the connection ends with it.
            self.is_stopping = True
        else:
            super().shutdown()

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """Let a client that has ended its half of the connection have the answer that is on its way."""
        if self.scheme == "https" or self.is_in_message or not self.is_busy():
            return None
        self.stop_after_answer()
        return True

    def check_time(self, now: float) -> None:
        """End the connection if what it does takes too long."""
        limits = self.guard.limits
        if self._unfed:
            # What the client has sent waits here; it is not the client that takes long.
            self.deadline = max(self.deadline, now + limits.head_seconds)
        is_unread = self._paused_since is not None and now - self._paused_since > limits.write_seconds
        if is_unread or now > self.deadline:
            self.transport.abort()

    def give_up(self) -> None:
        """Leave it to the server, which cancels what it has begun."""

    def pause_writing(self) -> None:
        super().pause_writing()
        self._paused_since = self.guard.now

    def resume_writing(self) -> None:
        super().resume_writing()
        self._paused_since = None
        self._feed_later()

    def is_busy(self) -> bool:
        """Say whether a request is being answered on the ordinary way."""
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is not None and not cycle.response_complete

    def is_quiet(self) -> bool:
        """Say whether nothing is on its way, neither in nor out: what comes next begins a request.

        A connection that is about to end is still in its last message, busy with it, or closing.
        """
        return not (
            self.is_in_message
            or self._unfed
            or self.flow.write_paused
            or self.timeout_keep_alive_task
            or self.is_busy()
            or self.transport.is_closing()
        )

    # What arrives

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        if self._unfed or self._is_feeding_later:
            self._hold(self._unfed + data)
        else:
            self._feed(data)

    def _hold(self, unfed: bytes) -> None:
        self._unfed = unfed
        self.flow.is_held = bool(unfed)
        if unfed:
            self.flow.pause_reading()

    def _feed(self, data: bytes) -> None:
        """Parse one slice; the rest waits: for others' turn, for answers to be read, for requests to be done."""
        limit = 0 if self.flow.write_paused or self.pipeline else self.guard.limits.slice_bytes
        if len(data) > limit:
            self._hold(data[limit:])
            data = data[:limit]
        if data and not self.is_over:
            self._parse(data)
        if not self.flow.write_paused and not self.pipeline:
            self._feed_later()

    def _parse(self, data: bytes) -> None:
        self._slice_bytes = len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # Nothing here upgrades: the request is answered as it is, and what follows it is not HTTP.
            self.stop_after_answer()
        except httptools.HttpParserError:
            self.refuse(InvalidRequest("It is not HTTP/1.1 as RFC 9112 has it."))
        else:
            if self.is_in_message:
                self._received_bytes += len(data)
                self._framing_bytes += len(data)
                self._check_size()

    def _check_size(self) -> None:
        """The parser keeps what is not complete yet, be it a header or a trailer: that must not grow without end."""
        limits = self.guard.limits
        if self._is_head_complete:
            # What comes behind an answer is kept nowhere, and may come for as long as a body may take: cut off, the
            # client might take the connection for a good one.
            if self._received_bytes > limits.message_bytes and (self.is_stopping or not self.is_answered()):
                self.end()
            elif self._framing_bytes > limits.head_bytes + limits.slice_bytes:
                self.refuse(InvalidRequest("What stands between the parts of the body, or after it, is too long."))
        elif self._received_bytes > limits.head_bytes + limits.url_bytes + limits.slice_bytes:
            self._refuse_head()

    def _refuse_head(self) -> None:
        limits = self.guard.limits
        if len(self.url) > limits.url_bytes:
            self.refuse(UrlTooLong(f"The URL may have {limits.url_bytes} bytes."))
        else:
            self.refuse(HeadersTooLarge(f"The headers may have {limits.head_bytes} bytes."))

    def _feed_later(self) -> None:
        if self._unfed and not self._is_feeding_later:
            self._is_feeding_later = True
            self.loop.call_soon(self._feed_on)

    def _feed_on(self) -> None:
        self._is_feeding_later = False
        data = self._unfed
        self._hold(b"")
        if not self.transport.is_closing():
            self._feed(data)
            # What the application has not read yet of a body is not added to: it resumes reading when it has.
            if not (self.is_busy() and len(self.cycle.body) > HIGH_WATER_LIMIT):
                self.flow.resume_reading()

    # What the parser finds

    def on_message_begin(self) -> None:
        self.begin()
        super().on_message_begin()

    def begin(self) -> None:
        """Note that a message begins."""
        self.is_in_message = True
        self._is_head_complete = False
        self._received_bytes = 0
        self._received = None
        self.deadline = self.guard.now + self.guard.limits.head_seconds

    def on_header(self, name: bytes, value: bytes) -> None:
        # RFC 9110 §6.5.1: a trailer field is not to be taken for a header. uvicorn would append it to them.
        if not self._is_head_complete:
            # As uvicorn does it, without another call for every header.
            name = name.lower()
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True
            self.headers.append((name, value))

    def is_head_accepted(self) -> bool:
        """Note that the head is complete; refuse it if it is too long."""
        limits = self.guard.limits
        head_bytes_at_most = self._received_bytes + self._slice_bytes
        self._is_head_complete = True
        self._received_bytes = self._framing_bytes = 0
        self.deadline = self.guard.now + limits.body_seconds
        if self.is_over or self.transport.is_closing():
            return False
        is_too_long = head_bytes_at_most > limits.head_bytes and _length_of(self.headers) > limits.head_bytes
        if is_too_long or len(self.url) > limits.url_bytes:
            self._refuse_head()
            return False
        if self.expect_100_continue and self.parser.get_http_version() == "1.0":
            # RFC 9110 §10.1.1: "A server that receives a 100-continue expectation in an HTTP/1.0 request MUST ignore
            # that expectation."
            self.expect_100_continue = False
        return True

    def on_headers_complete(self) -> None:
        if self.is_head_accepted():
            self.go_ordinary_way()

    def go_ordinary_way(self) -> None:
        """Hand the request, whose head is complete, to the application."""
        super().on_headers_complete()
        self._received = self.cycle
        self._unanswered.append(self.cycle)

    def on_body(self, body: bytes) -> None:
        self.note_body()
        if not self.is_over:
            super().on_body(body)

    def note_body(self) -> None:
        """Note that a part of the body has come: the parser has forgotten what stood before it."""
        self._framing_bytes = 0

    def on_message_complete(self) -> None:
        self.is_in_message = False
        if not self.is_over:
            # How long an answer takes on the ordinary way is the application's affair.
            limits = self.guard.limits
            self.deadline = float("inf") if self.is_busy() else self.guard.now + limits.idle_seconds
            super().on_message_complete()

    def on_response_complete(self) -> None:
        del self._unanswered[0]
        if not self.is_in_message:
            self.deadline = self.guard.now + self.guard.limits.idle_seconds
        super().on_response_complete()
        self._feed_later()

    # What goes out

    def send(self, answer: Answer, request_id: str, *, close: bool, has_body: bool = True) -> None:
        """Write an answer the way the ordinary way would, byte for byte."""
        server_head = self.guard.default_head(self.server_state.default_headers)
        self.transport.write(
            b"%b%b%bcontent-length: %d\r\n%bx-request-id: %b\r\n%b\r\n%b"
            % (
                STATUS_LINE[answer.status],
                server_head,
                answer.head,
                len(answer.body),
                self.guard.security_head,
                request_id.encode(),
                _CLOSE if close else b"",
                answer.body if has_body else b"",
            )
        )

    def refuse(self, problem: Problem) -> None:
        """Answer what is no request, and end the connection."""
        if self.is_answered():
            # Its body is broken. Another answer would be taken for that to the next request.
            self.end()
            return
        if self.is_busy():
            received = self._received
            if received is not None:
                received.disconnected = True
                received.message_event.set()
            if received is None or received.response_started or self.pipeline:
                # An earlier request is being answered, or this one; nothing may come between.
                self.stop_after_answer()
                return
        request_id = self.guard.request_ids.new()
        self.send(self.guard.problems.answer(problem, request_id), request_id, close=True)
        self.end()

    def is_answered(self) -> bool:
        """Say whether the request that is being received has its answer already."""
        return self._received is not None and self._received.response_complete

    def stop_after_answer(self) -> None:
        """Listen to nothing more, and end the connection with the answer that is on its way."""
        self.is_over = True
        self._hold(b"")
        if self.is_busy():
            self.cycle.keep_alive = False
        else:
            self.end()

    def end(self) -> None:
        """Close the connection once what was written has gone out."""
        self.is_over = True
        self._hold(b"")
        self.transport.close()
