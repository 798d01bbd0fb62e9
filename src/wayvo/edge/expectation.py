"""A request that waits to be told to send its body, and is answered instead, ends its connection.

RFC 9110 §10.1.1: the client may then send the body or leave it out. Whoever goes on reading takes the next request for
the body, or the body for a request: with a proxy in between, another client's.
"""

from wayvo.edge.asgi import Application, Message, Receive, Scope, Send

_CLOSE = (b"connection", b"close")


class Expectation:
    """Says so in the answer, upon which the server closes."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not any(name == b"expect" for name, _ in scope["headers"]):
            await self._application(scope, receive, send)
            return
        is_body_wanted = False

        async def receive_and_note() -> Message:
            nonlocal is_body_wanted
            is_body_wanted = True
            return await receive()

        async def send_and_close(message: Message) -> None:
            if message["type"] == "http.response.start" and not is_body_wanted and _CLOSE not in message["headers"]:
                message["headers"] = [*message["headers"], _CLOSE]
            await send(message)

        await self._application(scope, receive_and_note, send_and_close)
