"""One line per request: the route's template, never the path as sent, a query, a header or a body.

A path can hold a secret that somebody pasted into the wrong place; a template can't. It is also the last place where a
failure can be caught: it becomes a 500 with the request's id, and its traceback shows no values.
"""

import asyncio
import time

import structlog

from wayvo.core import problem_json
from wayvo.core.errors import InternalError, Overloaded, Problem
from wayvo.edge.asgi import ROUTE, Application, Message, Receive, Scope, Send, request_id_of

_log = structlog.get_logger("wayvo.access")


class AccessLog:
    """Logs each request, and answers for what failed."""

    def __init__(self, application: Application, public_url: str) -> None:
        self._application = application
        self._public_url = public_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._application(scope, receive, send_and_note)
        except Exception:  # noqa: BLE001 - the last place where a failure can be answered
            _log.exception("request failed", request_id=request_id_of(scope), route=_route(scope))
            if status == 0:
                await self._answer(InternalError("It has been logged under the request id."), scope, send_and_note)
        except asyncio.CancelledError:
            # The server is told to stop and has waited long enough; nothing awaits this request's task.
            if status == 0:
                stopping = "The server is being stopped. What was asked for may have been done."
                await self._answer(Overloaded(stopping), scope, send_and_note)
        finally:
            client = scope.get("client")
            _log.info(
                "request",
                method=scope["method"] if scope["method"].isalpha() and len(scope["method"]) <= 16 else "other",
                route=_route(scope),
                status=status,
                duration_ms=round((time.perf_counter() - started) * 1000, 2),
                request_id=request_id_of(scope),
                peer=client[0] if client else "",
            )

    async def _answer(self, problem: Problem, scope: Scope, send: Send) -> None:
        body = problem_json.render(problem, self._public_url, request_id_of(scope))
        headers = [
            (b"content-type", problem_json.CONTENT_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
            *((name.lower().encode(), value.encode()) for name, value in problem_json.headers(problem).items()),
        ]
        await send({"type": "http.response.start", "status": problem.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _route(scope: Scope) -> str:
    route = scope.get(ROUTE) or scope.get("path_template")
    return route if isinstance(route, str) and route else "(no route)"
