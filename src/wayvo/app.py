"""The composition root: from an open installation to one ASGI application, and nothing global."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from wayvo.api.application import create_api
from wayvo.api.health import Readiness
from wayvo.bus.follower import Follower
from wayvo.bus.postgres import listen
from wayvo.core.change import Change
from wayvo.core.credentials.format import prefixes_of
from wayvo.core.networks import compile_networks
from wayvo.core.paging import Cursors
from wayvo.edge.access_log import AccessLog
from wayvo.edge.asgi import Application
from wayvo.edge.dispatch import Dispatch
from wayvo.edge.expectation import Expectation
from wayvo.edge.metrics import Sources, serve_metrics
from wayvo.edge.request_id import RequestId, RequestIds
from wayvo.edge.security_headers import SecurityHeaders, machine_headers
from wayvo.gate.asgi import Lane
from wayvo.gate.forward_auth import NOBODY, ForwardAuthHandler
from wayvo.gate.forward_auth import PATH as FORWARD_AUTH
from wayvo.gate.guard import Guard, Limits
from wayvo.gate.lanes import LaneHandler, Lanes
from wayvo.gate.openapi import doors
from wayvo.gate.verify import MAX_BODY_BYTES, VerifyHandler
from wayvo.gate.wire import Problems
from wayvo.installation import AnyDatabase, Installation
from wayvo.jobs.audit_trail import chain_events, prune_events
from wayvo.jobs.last_uses import store_last_uses
from wayvo.jobs.runner import Job, running
from wayvo.jobs.scope_uses import store_scope_uses
from wayvo.jobs.sweep import sweep
from wayvo.services.acceptance import Acceptance
from wayvo.services.api_keys import ApiKeys
from wayvo.services.apis import Apis
from wayvo.services.audit import AuditTrail
from wayvo.services.bootstrap import declare_own_scopes
from wayvo.services.denials import Denials
from wayvo.services.directory import Services
from wayvo.services.invitations import Invitations
from wayvo.services.key_imports import KeyImports
from wayvo.services.lists import Lister
from wayvo.services.organizations import Organizations
from wayvo.services.passwords import PasswordHashing
from wayvo.services.project_members import ProjectMembers
from wayvo.services.projects import Projects
from wayvo.services.roles import Roles
from wayvo.services.users import Users
from wayvo.services.whoami import Whoami
from wayvo.settings import Bind, SettingError, Settings
from wayvo.store import organizations
from wayvo.store.database import DatabaseBusy, DatabaseUnavailable
from wayvo.store.engines import server_address
from wayvo.store.sources import StoredCredentials, StoredOutbox
from wayvo.verify.cache import Cache
from wayvo.verify.cells import Cells
from wayvo.verify.filler import Filler
from wayvo.verify.foreign import ForeignKeys
from wayvo.verify.handler import Verifier
from wayvo.verify.meter import Meter
from wayvo.verify.scope_uses import ScopeUses
from wayvo.verify.snapshot import Compiler

LAST_USES_SECONDS: Final = 10.0
"""Ten thousand keys in use are ten thousand rows to update: each second, that would cost a fifth of a core."""
SCOPE_USES_SECONDS: Final = 60.0
SWEEP_SECONDS: Final = 60.0
DENIALS_SECONDS: Final = 5.0
CHAIN_SECONDS: Final = 0.5
PRUNE_SECONDS: Final = 600.0
UNUSED_IMPORTS_SECONDS: Final = 60.0
PROBE_SECONDS: Final = 2.0

# Seconds that also pass while the machine sleeps: a node that wakes has heard nothing for so long.
_uptime: Final = partial(time.clock_gettime, time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic


@dataclass(frozen=True, slots=True)
class Door:
    """What a server serves: the application, and the guard whose protocol stands before it."""

    application: Application
    guard: Guard


@asynccontextmanager
async def open_application(installation: Installation, settings: Settings, *, worker: int = 0) -> AsyncIterator[Door]:
    """Put the application together on an open installation, with its jobs running; ``worker`` counts its processes."""
    database, draw = installation.database, installation.draw
    await declare_own_scopes(database, draw)
    trusted = compile_networks(settings.trusted_proxies)

    cells = Cells()
    cache = Cache(cells, settings.cache_credentials)
    foreign = ForeignKeys((installation.digester, *installation.retired))
    source = StoredCredentials(database, installation.digester.fingerprint)

    def hear(change: Change) -> None:
        cache.apply(change)
        foreign.hear(change)

    def forget() -> None:
        foreign.doubt()
        cache.clear()

    installation.bus.subscribe(hear)
    follower = Follower(StoredOutbox(database), hear, installation.node, _uptime, forget)
    await follower.start()
    foreign.doubt()
    await foreign.refresh(source)
    serves_stale = settings.stale_policy == "serve_stale"
    meter = Meter()
    scope_uses = ScopeUses()
    verifier = Verifier(
        prefixes=frozenset().union(*(prefixes_of(brand) for brand in installation.brands)),
        digester=installation.digester,
        cache=cache,
        filler=Filler(source, cache, Compiler(cells), installation.retired, foreign),
        foreign=foreign,
        scope_uses=scope_uses,
        meter=meter,
        clock=draw.clock,
        may_trust=lambda: serves_stale or follower.silence_seconds < settings.stale_seconds,
    )

    denials = Denials(database, draw)
    services = _services(installation, meter, scope_uses)

    async def probe() -> Readiness:
        silence = round(follower.silence_seconds, 3)
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await database.read(organizations.is_empty)
        except (DatabaseBusy, DatabaseUnavailable, TimeoutError):
            return Readiness("not_ready", "unavailable", database.waiting_writes, silence)
        return Readiness("ready" if verifier.may_trust() else "not_ready", "ok", database.waiting_writes, silence)

    api = create_api(
        services=services,
        verifier=verifier,
        probe=probe,
        trusted_proxies=trusted,
        public_url=settings.public_url,
        doors=doors(),
        denied=denials.note,
    )
    problems = Problems(settings.public_url)
    is_https = settings.public_url.startswith("https:")
    lanes = Lanes(
        LaneHandler("/v1/verify", VerifyHandler(verifier, problems, trusted), MAX_BODY_BYTES),
        LaneHandler(
            FORWARD_AUTH, ForwardAuthHandler(verifier, problems, trusted), None, takes_below=True, always=NOBODY
        ),
    )
    dispatch = Dispatch(
        {lane.path: Lane(lane, verifier, problems) for lane in lanes.all if not lane.takes_below},
        {lane.path: Lane(lane, verifier, problems) for lane in lanes.all if lane.takes_below},
        api,  # type: ignore[arg-type] # Litestar's own ASGI types
    )
    application = SecurityHeaders(AccessLog(dispatch, settings.public_url), is_https=is_https)
    request_ids = RequestIds(draw.entropy, trusted)
    guard = Guard(
        lanes if settings.fast_lane else Lanes(),
        problems,
        request_ids=request_ids,
        security_headers=machine_headers(is_https=is_https),
        limits=Limits(connections=settings.max_connections),
    )

    jobs = (
        Job("store last uses", LAST_USES_SECONDS, lambda: store_last_uses(database, meter)),
        Job("store scope uses", SCOPE_USES_SECONDS, lambda: store_scope_uses(database, scope_uses)),
        Job("store denials", DENIALS_SECONDS, denials.store),
        Job("look for unused imports", UNUSED_IMPORTS_SECONDS, lambda: foreign.refresh(source)),
        *_housekeeping(installation, settings),
    )
    metrics = _metrics(database, cache, meter, follower)
    async with _following(follower, settings), _storing_the_rest(denials), running(jobs):
        with _serving_metrics(metrics, settings.metrics_bind, worker):
            watch = asyncio.create_task(guard.watch(), name="watch connections")
            try:
                yield Door(Expectation(RequestId(application, request_ids)), guard)
            finally:
                watch.cancel()
                guard.give_up()


def _services(installation: Installation, meter: Meter, scope_uses: ScopeUses) -> Services:
    database, draw, digester = installation.database, installation.draw, installation.digester
    lister = Lister(database, Cursors(installation.root.subkey("cursors")))
    return Services(
        acceptance=Acceptance(database, draw, digester, PasswordHashing()),
        api_keys=ApiKeys(database, lister, draw, digester, meter, scope_uses),
        key_imports=KeyImports(database, draw, (digester, *installation.retired)),
        apis=Apis(database, lister, draw),
        invitations=Invitations(database, lister, draw, digester),
        organizations=Organizations(database, lister, draw, digester),
        project_members=ProjectMembers(database, lister, draw),
        audit=AuditTrail(database, lister),
        projects=Projects(database, lister, draw),
        roles=Roles(database, lister, draw),
        users=Users(database, lister, draw),
        whoami=Whoami(database),
        clock=draw.clock,
    )


def _housekeeping(installation: Installation, settings: Settings) -> tuple[Job, ...]:
    """Return the jobs that need nothing but the database."""
    database, draw, sealer = installation.database, installation.draw, installation.sealer
    return (
        Job("sweep", SWEEP_SECONDS, lambda: sweep(database, draw.clock)),
        Job("chain audit events", CHAIN_SECONDS, lambda: chain_events(database, sealer)),
        Job(
            "prune audit events",
            PRUNE_SECONDS,
            lambda: prune_events(database, sealer, draw.clock, settings.audit_retention_days),
        ),
    )


@asynccontextmanager
async def _following(follower: Follower, settings: Settings) -> AsyncIterator[None]:
    """Hear of other processes' changes for as long as the context lasts."""
    tasks = [asyncio.create_task(follower.run(), name="follow the outbox")]
    if not settings.is_on_sqlite:
        address = server_address(settings.resolved_database_url)
        tasks.append(asyncio.create_task(listen(address, follower.wake), name="listen"))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def _storing_the_rest(denials: Denials) -> AsyncIterator[None]:
    """Store what was counted and is not due yet, when the context ends."""
    try:
        yield
    finally:
        # Without a database they are lost: nothing changed by them.
        with suppress(DatabaseBusy, DatabaseUnavailable):
            await denials.store(is_last=True)


def _metrics(database: AnyDatabase, cache: Cache, meter: Meter, follower: Follower) -> Sources:
    return Sources(
        decisions=lambda: {str(code): count for code, count in meter.decisions.items()},
        cache_entries=lambda: {"known": len(cache), "absent": cache.absent_count},
        cache_lookups=lambda: {"hit": cache.hits, "miss": cache.misses},
        waiting_writes=lambda: database.waiting_writes,
        commits=lambda: (database.statistics.commits, database.statistics.seconds),
        committed_jobs=lambda: database.statistics.jobs,
        bus_silence_seconds=lambda: follower.silence_seconds,
    )


@contextmanager
def _serving_metrics(sources: Sources, bind: Bind | None, worker: int) -> Iterator[None]:
    if bind is None:
        yield
        return
    address = Bind(bind.host, bind.port + worker)
    try:
        server = serve_metrics(sources, address.host, address.port)
    except OSError as error:
        raise SettingError(
            "WAYVO_METRICS_BIND",
            f"leads to {address}, where this process can't listen: {error.strerror}",
            "Stop what listens there, or choose another address.",
        ) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
