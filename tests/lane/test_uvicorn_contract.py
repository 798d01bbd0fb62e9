"""What the guards and the lane take for granted of uvicorn and of its parser. An upgrade that changes it fails here.

Mend ``wayvo/gate/guarded.py`` and ``wayvo/gate/fast_lane.py``, the files that know, and then this one.
"""

import asyncio
import inspect
import logging
from typing import Any

import httptools
import pytest
import uvicorn
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import Server, ServerState

from wayvo.gate.fast_lane import FastLaneProtocol
from wayvo.gate.guarded import GuardedProtocol


async def application(scope: object, receive: object, send: object) -> None:
    """Answer nothing: no request comes this far."""


def protocol() -> tuple[HttpToolsProtocol, ServerState]:
    config = uvicorn.Config(application, interface="asgi3", lifespan="off", log_config=None, ws="none")
    state = ServerState()
    loop = asyncio.new_event_loop()
    try:
        return HttpToolsProtocol(config=config, server_state=state, app_state={}, _loop=loop), state
    finally:
        loop.close()


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_the_protocol_has_the_attributes_that_are_used() -> None:
    made, state = protocol()
    assert type(made.parser) is httptools.HttpRequestParser
    assert not made.pipeline
    begun: tuple[object, ...] = (made.headers, made.cycle, made.flow)
    assert begun == (None, None, None)
    assert made.expect_100_continue is False
    assert made.timeout_keep_alive_task is None
    assert made.server_state is state
    assert made.connections is state.connections
    assert made.tasks is state.tasks
    assert (state.total_requests, state.default_headers) == (0, [])


def test_the_methods_that_are_overridden_or_called_take_what_they_are_given() -> None:
    expected = {
        "connection_made": ["self", "transport"],
        "connection_lost": ["self", "exc"],
        "eof_received": ["self"],
        "data_received": ["self", "data"],
        "shutdown": ["self"],
        "pause_writing": ["self"],
        "resume_writing": ["self"],
        "on_message_begin": ["self"],
        "on_url": ["self", "url"],
        "on_header": ["self", "name", "value"],
        "on_headers_complete": ["self"],
        "on_body": ["self", "body"],
        "on_message_complete": ["self"],
        "on_response_complete": ["self"],
        "_unset_keepalive_if_required": ["self"],
    }
    assert {name: parameters(getattr(HttpToolsProtocol, name)) for name in expected} == expected
    assert parameters(HttpToolsProtocol.__init__) == ["self", "config", "server_state", "app_state", "_loop"]


def test_nothing_that_is_ours_overrides_what_uvicorn_means_otherwise() -> None:
    """A method that a new version of uvicorn adds must not happen to have the name of one of ours."""
    meant = {
        name
        for name in dir(HttpToolsProtocol)
        if any(name in vars(kind) for kind in (GuardedProtocol, FastLaneProtocol)) and not name.startswith("__")
    }
    assert meant == {
        "connection_made",
        "connection_lost",
        "eof_received",
        "data_received",
        "shutdown",
        "pause_writing",
        "resume_writing",
        "on_message_begin",
        "on_header",
        "on_headers_complete",
        "on_body",
        "on_message_complete",
        "on_response_complete",
    }
    made, _ = protocol()
    ours = {name for kind in (GuardedProtocol, FastLaneProtocol) for name in kind.__annotations__}
    assert ours & vars(made).keys() == {"flow"}


def test_a_header_is_noted_as_the_guarded_protocol_notes_it_without_asking() -> None:
    kept, ours = protocol()[0], GuardedProtocol.__new__(GuardedProtocol)
    for made in (kept, ours):
        made.headers, made.expect_100_continue = [], False
        for name, value in ((b"X-A", b" y"), (b"EXPECT", b"100-Continue"), (b"x-a", b"")):
            made.on_header(name, value)
    assert (ours.headers, ours.expect_100_continue) == (kept.headers, kept.expect_100_continue)
    assert kept.headers == [(b"x-a", b" y"), (b"expect", b"100-Continue"), (b"x-a", b"")]


def test_the_request_and_its_answer_are_one_cycle() -> None:
    async def make() -> RequestResponseCycle:
        return RequestResponseCycle(
            scope={},  # type: ignore[typeddict-item]
            transport=asyncio.Transport(),
            flow=FlowControl(asyncio.Transport()),
            logger=logging.getLogger(),
            access_logger=logging.getLogger(),
            access_log=False,
            default_headers=[],
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=True,
            on_response=lambda: None,
        )

    cycle = asyncio.run(make())
    assert (cycle.keep_alive, cycle.disconnected, cycle.response_started, cycle.response_complete) == (
        True,
        False,
        False,
        False,
    )
    assert cycle.body == bytearray()
    assert not cycle.message_event.is_set()


def test_flow_control_pauses_and_resumes_the_transport_once() -> None:
    class Counting(asyncio.Transport):
        calls: tuple[str, ...] = ()

        def pause_reading(self) -> None:
            self.calls = (*self.calls, "pause")

        def resume_reading(self) -> None:
            self.calls = (*self.calls, "resume")

    transport = Counting()
    flow = FlowControl(transport)
    for step in (flow.pause_reading, flow.pause_reading, flow.resume_reading, flow.resume_reading):
        step()
    assert transport.calls == ("pause", "resume")
    assert not flow.write_paused
    assert HIGH_WATER_LIMIT == 65_536


def test_status_lines_are_whole_lines() -> None:
    assert STATUS_LINE[200] == b"HTTP/1.1 200 OK\r\n"
    assert all(STATUS_LINE[status].endswith(b"\r\n") for status in (400, 401, 403, 405, 413, 414, 422, 431, 500, 503))


def test_the_servers_own_headers_are_a_new_list_each_second() -> None:
    async def tick() -> list[list[tuple[bytes, bytes]]]:
        server = Server(
            uvicorn.Config(application, interface="asgi3", lifespan="off", log_config=None, server_header=False)
        )
        server.config.load()
        seen = []
        for counter in (0, 1, 10):
            await server.on_tick(counter)
            seen.append(server.server_state.default_headers)
        return seen

    first, same, next_second = asyncio.run(tick())
    assert [name for name, _ in first] == [b"date"]
    assert same is first
    assert next_second is not first


def test_a_server_that_is_told_to_stop_tells_each_connection() -> None:
    assert "connection.shutdown()" in inspect.getsource(Server.shutdown)
    assert "self.server_state.connections" in inspect.getsource(Server._wait_tasks_to_complete)


class Recorder:
    """Notes which callbacks the parser calls, and what it says of the message then."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)

    def on_message_begin(self) -> None:
        self.calls.append("begin")

    def on_url(self, url: bytes) -> None:
        self.calls.append(f"url {url.decode()}")

    def on_header(self, name: bytes, value: bytes) -> None:
        self.calls.append(f"header {name.decode()}={value.decode()}")

    def on_headers_complete(self) -> None:
        self.calls.append(f"head {self._message()}")

    def on_body(self, body: bytes) -> None:
        self.calls.append(f"body {body.decode()}")

    def on_message_complete(self) -> None:
        self.calls.append(f"complete {self._message()}")

    def _message(self) -> str:
        parser = self.parser
        kept = "kept" if parser.should_keep_alive() else "closed"
        upgrade = " upgrade" if parser.should_upgrade() else ""
        return f"{parser.get_method().decode()} {parser.get_http_version()} {kept}{upgrade}"


def test_the_parser_calls_in_order_and_still_knows_the_message_when_it_is_complete() -> None:
    recorder = Recorder()
    recorder.parser.feed_data(b"POST /a HTTP/1.1\r\nX: y\r\nEmpty:\r\nContent-Length: 3\r\n\r\nab")
    recorder.parser.feed_data(b"cHEAD /b HTTP/1.0\r\n\r\n")
    assert recorder.calls == [
        "begin",
        "url /a",
        "header X=y",
        "header Empty=",
        "header Content-Length=3",
        "head POST 1.1 kept",
        "body ab",
        "body c",
        "complete POST 1.1 kept",
        "begin",
        "url /b",
        "head HEAD 1.0 closed",
        "complete HEAD 1.0 closed",
    ]


def test_the_parser_hands_trailers_out_as_headers_behind_the_head() -> None:
    recorder = Recorder()
    recorder.parser.feed_data(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\nx\r\n0\r\nX: y\r\n\r\n")
    assert recorder.calls[3:] == ["head POST 1.1 kept", "body x", "header X=y", "complete POST 1.1 kept"]


def test_the_parser_reads_nothing_behind_a_message_that_closes_and_does_not_mind_it() -> None:
    recorder = Recorder()
    recorder.parser.feed_data(b"GET /a HTTP/1.1\r\nConnection: close\r\n\r\nGET /b HTTP/1.1\r\n\r\n")
    recorder.parser.feed_data(b"GET /c HTTP/1.1\r\n\r\n")
    assert [call for call in recorder.calls if call.startswith("url")] == ["url /a"]
    assert recorder.calls[-1] == "complete GET 1.1 closed"


def test_the_parser_completes_a_message_that_upgrades_and_reads_nothing_behind_it() -> None:
    recorder = Recorder()
    with pytest.raises(httptools.HttpParserUpgrade):
        recorder.parser.feed_data(b"GET / HTTP/1.1\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nGET /b HTTP/1.1\r\n\r\n")
    assert recorder.calls[-2:] == ["head GET 1.1 kept upgrade", "complete GET 1.1 kept upgrade"]


def test_what_a_callback_raises_is_an_error_of_the_parser() -> None:
    class Failing(Recorder):
        def on_headers_complete(self) -> None:
            raise ValueError

    assert issubclass(httptools.HttpParserCallbackError, httptools.HttpParserError)
    with pytest.raises(httptools.HttpParserCallbackError):
        Failing().parser.feed_data(b"GET / HTTP/1.1\r\n\r\n")
