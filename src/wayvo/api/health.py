"""``/healthz`` and ``/readyz``: for a load balancer, a supervisor, a person at 3 a.m."""

from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec

from wayvo.api.authentication import PUBLIC


class Health(msgspec.Struct, frozen=True):
    """The process answers."""

    status: Literal["ok"]


class Readiness(msgspec.Struct, frozen=True):
    """Whether the process can serve: the database answers, and what other processes changed is known here.

    ``bus_silence_seconds`` is how long ago it was; ``waiting_writes`` how many jobs wait for their commit.
    """

    status: Literal["ready", "not_ready"]
    database: Literal["ok", "unavailable"]
    waiting_writes: int
    bus_silence_seconds: float


Probe = Callable[[], Awaitable[Readiness]]


class HealthController(Controller):
    """Liveness and readiness; no credential needed, nothing secret told."""

    tags = ("Operations",)
    opt = {PUBLIC: True}  # noqa: RUF012 - the framework's own way

    @get("/healthz", summary="Is the process alive?", operation_id="healthz")
    async def healthz(self) -> Health:
        """Answer as long as the process can."""
        return Health("ok")

    @get(
        "/readyz",
        summary="Can it serve?",
        operation_id="readyz",
        responses={503: ResponseSpec(Readiness, description="The database can't be read.")},
    )
    async def readyz(self, probe: NamedDependency[Probe]) -> Response[Readiness]:
        """Answer 200 if the database can be read, 503 if not."""
        readiness = await probe()
        return Response(readiness, status_code=200 if readiness.status == "ready" else 503)
