"""Which door a request is for, by its path alone."""

from collections.abc import Mapping

from wayvo.edge.asgi import ROUTE, Application, Receive, Scope, Send


class Dispatch:
    """Sends a request to a machine door if its path is one's, else to the framework.

    ``exact`` takes its very paths; ``prefixes`` take a path and everything below it.
    """

    def __init__(
        self, exact: Mapping[str, Application], prefixes: Mapping[str, Application], otherwise: Application
    ) -> None:
        self._exact = dict(exact)
        self._prefixes = tuple(prefixes.items())
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["path"]
            lane = self._exact.get(path)
            if lane is not None:
                scope[ROUTE] = path
                await lane(scope, receive, send)
                return
            for prefix, application in self._prefixes:
                if path == prefix or path.startswith(f"{prefix}/"):
                    scope[ROUTE] = prefix
                    await application(scope, receive, send)
                    return
        await self._otherwise(scope, receive, send)
