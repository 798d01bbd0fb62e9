"""The composition root: from settings to one ASGI application, and nothing global."""

import os
import time
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from wayvo.api.application import create_api
from wayvo.api.health import Readiness
from wayvo.bus.local import LocalBus
from wayvo.core.credentials.digest import Digester, RootSecret
from wayvo.core.credentials.format import prefixes_of
from wayvo.core.credentials.record import CredentialRecords
from wayvo.core.instants import Clock
from wayvo.core.networks import compile_networks
from wayvo.core.paging import Cursors
from wayvo.edge.access_log import AccessLog
from wayvo.edge.asgi import Application
from wayvo.edge.dispatch import Dispatch
from wayvo.edge.request_id import RequestId
from wayvo.edge.security_headers import SecurityHeaders
from wayvo.gate.asgi import Lane
from wayvo.gate.forward_auth import PATH as FORWARD_AUTH
from wayvo.gate.forward_auth import ForwardAuthHandler
from wayvo.gate.openapi import doors
from wayvo.gate.verify import MAX_BODY_BYTES, VerifyHandler
from wayvo.gate.wire import Problems
from wayvo.jobs.last_uses import store_last_uses
from wayvo.jobs.runner import Job, running
from wayvo.jobs.sweep import sweep
from wayvo.services.api_keys import ApiKeys
from wayvo.services.apis import Apis
from wayvo.services.bootstrap import declare_own_scopes
from wayvo.services.directory import Services
from wayvo.services.draw import Draw, Entropy
from wayvo.services.lists import Lister
from wayvo.services.projects import Projects
from wayvo.services.users import Users
from wayvo.services.whoami import Whoami
from wayvo.settings import Settings
from wayvo.store import credentials, installation, organizations
from wayvo.store.data_folder import DataFolder
from wayvo.store.database import Database, DatabaseBusy, DatabaseUnavailable, Transaction
from wayvo.store.schema import migrate
from wayvo.store.sqlite import SqliteDatabase, create_sqlite_engine
from wayvo.verify.cache import Cache
from wayvo.verify.cells import Cells
from wayvo.verify.filler import Filler
from wayvo.verify.handler import Verifier
from wayvo.verify.meter import Meter
from wayvo.verify.snapshot import Compiler

LAST_USES_SECONDS: Final = 1.0
SWEEP_SECONDS: Final = 60.0


class WrongSecret(Exception):
    """The database was digested under another root secret; the message says what to do."""


def wall_clock() -> int:
    """Return the present in microseconds."""
    return time.time_ns() // 1000


@dataclass(frozen=True, slots=True)
class Installation:
    """An open database with what belongs to it."""

    database: SqliteDatabase
    bus: LocalBus
    draw: Draw
    root: RootSecret
    digester: Digester
    retired: tuple[Digester, ...]
    brands: tuple[str, ...]

    async def is_empty(self) -> bool:
        """Say whether nobody has founded it yet."""
        return await self.database.read(organizations.is_empty)


@asynccontextmanager
async def open_installation(
    settings: Settings, *, is_server: bool, clock: Clock = wall_clock, entropy: Entropy = os.urandom
) -> AsyncIterator[Installation]:
    """Open the database that ``settings`` name: lock it for a server, migrate it, check the root secret."""
    folder = DataFolder(settings.data_dir)
    with ExitStack() as stack:
        if is_server:
            stack.enter_context(folder.lock())
        root = _root_secret(settings, folder, entropy)
        engine = create_sqlite_engine(settings.database_path, "BEGIN IMMEDIATE")
        migrate(engine)
        bus = LocalBus()
        database = SqliteDatabase(settings.database_path, bus.publish, node=entropy(8).hex())
        try:
            draw = Draw(clock, entropy, settings.key_prefix)
            retired_roots = [RootSecret(secret.reveal()) for secret in settings.retired_secret_keys]
            in_use = await _adopt_secret(database, root, retired_roots, clock())
            yield Installation(
                database=database,
                bus=bus,
                draw=draw,
                root=root,
                digester=Digester(root),
                retired=tuple(Digester(old) for old in retired_roots if old.fingerprint in in_use),
                brands=await _register_brand(database, settings.key_prefix, clock()),
            )
        finally:
            await database.close()


@asynccontextmanager
async def open_application(installation: Installation, settings: Settings) -> AsyncIterator[Application]:
    """Put the application together on an open installation, with its jobs running."""
    database, draw = installation.database, installation.draw
    await declare_own_scopes(database, draw)
    trusted = compile_networks(settings.trusted_proxies)

    cells = Cells()
    cache = Cache(cells, settings.cache_credentials)
    installation.bus.subscribe(cache.apply)
    meter = Meter()
    verifier = Verifier(
        prefixes=frozenset().union(*(prefixes_of(brand) for brand in installation.brands)),
        digester=installation.digester,
        cache=cache,
        filler=Filler(
            _Stored(database, installation.digester.fingerprint), cache, Compiler(cells), installation.retired
        ),
        meter=meter,
        clock=draw.clock,
    )

    lister = Lister(database, Cursors(installation.root.subkey("cursors")))
    services = Services(
        api_keys=ApiKeys(database, lister, draw, installation.digester, meter),
        apis=Apis(database, lister, draw),
        projects=Projects(database, lister, draw),
        users=Users(database, lister),
        whoami=Whoami(database),
        clock=draw.clock,
    )

    async def probe() -> Readiness:
        try:
            await database.read(organizations.is_empty)
        except (DatabaseBusy, DatabaseUnavailable):
            return Readiness("not_ready", "unavailable", database.waiting_writes)
        return Readiness("ready", "ok", database.waiting_writes)

    api = create_api(
        services=services,
        verifier=verifier,
        probe=probe,
        trusted_proxies=trusted,
        public_url=settings.public_url,
        doors=doors(),
    )
    problems = Problems(settings.public_url)
    forward_auth = Lane(ForwardAuthHandler(verifier, problems, trusted), verifier, problems, max_body_bytes=None)
    verify = Lane(VerifyHandler(verifier, problems, trusted), verifier, problems, max_body_bytes=MAX_BODY_BYTES)
    dispatch = Dispatch({"/v1/verify": verify}, {FORWARD_AUTH: forward_auth}, api)  # type: ignore[arg-type] # Litestar's own ASGI types
    application = SecurityHeaders(
        AccessLog(dispatch, settings.public_url), is_https=settings.public_url.startswith("https:")
    )

    jobs = (
        Job("store last uses", LAST_USES_SECONDS, lambda: store_last_uses(database, meter)),
        Job("sweep", SWEEP_SECONDS, lambda: sweep(database, draw.clock)),
    )
    async with running(jobs):
        yield RequestId(application, draw.entropy, trusted)


class _Stored:
    """The database as verification wants it (:class:`wayvo.verify.filler.Source`)."""

    def __init__(self, database: Database, secret: str) -> None:
        self._database = database
        self._secret = secret

    async def find(self, digests: Collection[bytes]) -> CredentialRecords:
        return await self._database.read(lambda connection: credentials.find(connection, digests))

    async def move(self, digests: Sequence[tuple[bytes, bytes]]) -> None:
        def job(transaction: Transaction) -> None:
            for old, new in digests:
                credentials.move_digest(transaction.connection, old, new, self._secret)

        await self._database.write(job)


def _root_secret(settings: Settings, folder: DataFolder, entropy: Entropy) -> RootSecret:
    if settings.secret_key is not None:
        return RootSecret(settings.secret_key.reveal())
    return RootSecret(folder.secret(entropy, may_create=not settings.database_path.exists()))


async def _adopt_secret(
    database: Database, root: RootSecret, retired: Sequence[RootSecret], now_us: int
) -> frozenset[str]:
    """Check that every digest's secret is at hand; return the fingerprints of those that digests are under."""
    known = {root.fingerprint, *(old.fingerprint for old in retired)}

    def job(transaction: Transaction) -> frozenset[str]:
        connection = transaction.connection
        recorded = installation.secret_fingerprint(connection)
        in_use = credentials.secrets_in_use(connection)
        if lost := ({recorded} - {None} | in_use) - known:
            raise WrongSecret(
                f"Credentials are stored under the root secret {', '.join(sorted(map(str, lost)))}; the one given is "
                f"{root.fingerprint}. Give the right WAYVO_SECRET_KEY, or the earlier one in WAYVO_RETIRED_SECRET_KEYS."
            )
        if recorded != root.fingerprint:
            installation.set_secret_fingerprint(connection, root.fingerprint, now_us)
        return in_use

    return await database.write(job)


async def _register_brand(database: Database, brand: str, now_us: int) -> tuple[str, ...]:
    return await database.write(lambda transaction: installation.register_brand(transaction.connection, brand, now_us))
