"""Runs a server until it is told to stop: uvicorn, signals, the certificate's renewal."""

import asyncio
import signal
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from threading import Event

import structlog
import uvicorn
import uvloop

from wayvo.app import Door, open_application
from wayvo.cli import workers
from wayvo.cli.failures import CommandFailed, ExitCode
from wayvo.cli.listening import cannot_listen, open_sockets, read_certificate, renew_certificate
from wayvo.cli.open_files import make_room
from wayvo.cli.workers import Inherited
from wayvo.edge import logs
from wayvo.gate.fast_lane import guarded_protocol
from wayvo.installation import Installation, open_installation
from wayvo.services.root_secret import IncompleteCopy, WrongSecret
from wayvo.settings import Bind, SettingError, Settings
from wayvo.store.data_folder import DataFolderError
from wayvo.store.database import DatabaseBusy, DatabaseUnavailable
from wayvo.store.schema import OldSchema, UnknownSchema

_log = structlog.get_logger("wayvo.server")

Hook = Callable[[Installation], Awaitable[Callable[[], None]]]
"""Does something with the installation before it is served; what it returns is called when the server answers."""

_SQLITE_MEND = (
    "It is an SQLite file of Wayvo's own, in a folder that exists and that this user may write to; WAYVO_DATA_DIR or "
    "WAYVO_DATABASE_URL names it."
)
_POSTGRESQL_MEND = "Is the server running, and are its address, user and password right in WAYVO_DATABASE_URL?"

_STOPPING = (signal.SIGTERM, signal.SIGINT)


def run(settings: Settings, before: Hook | None = None) -> None:
    """Serve until SIGTERM or SIGINT; both let running requests finish."""
    logs.configure(settings.log_format, settings.log_level)
    worker = workers.inherited()
    with told(settings):
        if worker is None and settings.workers > 1:
            sys.exit(_supervise(settings))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings, before, worker))


def _supervise(settings: Settings) -> int:
    """Serve by several workers; what they would all fail at is found out before any of them starts."""
    with open_sockets(settings.bind) as sockets:
        asyncio.run(_try(settings))
        return workers.supervise(settings.workers, sockets)


async def _try(settings: Settings) -> None:
    async with open_installation(settings, is_server=True):
        pass


@contextmanager
def told(settings: Settings) -> Iterator[None]:
    """Tell in a sentence what a person can mend about an installation that can't be opened or served."""
    try:
        yield
    except (SettingError, DataFolderError, OldSchema, UnknownSchema, IncompleteCopy, WrongSecret) as error:
        raise CommandFailed(str(error), ExitCode.USAGE) from None
    except (DatabaseBusy, DatabaseUnavailable) as error:
        mend = _SQLITE_MEND if settings.is_on_sqlite else _POSTGRESQL_MEND
        raise CommandFailed(
            f"The database {settings.database_name} can't be used: {error}. {mend}", ExitCode.USAGE
        ) from None


class _Server(uvicorn.Server):
    """uvicorn's server, which tells when it answers, and which does not even start when it is told to stop before."""

    def __init__(self, config: uvicorn.Config, bind: Bind, when_ready: Callable[[], None], is_over: Event) -> None:
        super().__init__(config)
        self._bind = bind
        self._when_ready = when_ready
        self._is_over = is_over

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if self._is_over.is_set():
            self.should_exit = True
            return
        try:
            await super().startup(sockets)
        except OSError as error:
            raise cannot_listen(self._bind, error) from error
        self._when_ready()


async def _serve(settings: Settings, before: Hook | None, worker: Inherited | None) -> None:
    # These hold before uvicorn's own handlers do, and again after: it raises the signal that stopped it once more when
    # it is done, and the database has yet to be closed.
    is_over = Event()
    for number in _STOPPING:
        signal.signal(number, lambda *_: is_over.set())
    if worker is not None:
        # The supervisor hands it on: without a certificate to renew it means nothing.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with open_sockets(settings.bind) if worker is None else nullcontext(worker.sockets) as sockets:
        if settings.tls_cert is not None and settings.tls_key is not None:
            read_certificate(settings.tls_cert, settings.tls_key)
        async with open_installation(settings, is_server=True) as installation:
            after = await before(installation) if before is not None else None
            index = 0 if worker is None else worker.index
            async with open_application(installation, _fitting(settings), worker=index) as door:
                config = _configuration(settings, door)

                def ready() -> None:
                    _log.info("serving", url=settings.public_url, bind=str(settings.bind))
                    if after is not None:
                        after()
                    sys.stdout.flush()

                server = _Server(config, settings.bind, ready, is_over)
                if worker is not None:
                    # The end of the supervisor is the end of its workers, whatever ended it.
                    asyncio.get_running_loop().add_reader(worker.pipe, setattr, server, "should_exit", True)
                await server.serve(sockets)
    _log.info("stopped")


def _fitting(settings: Settings) -> Settings:
    """Return the settings with as many connections as the system grants."""
    possible = make_room(settings.max_connections)
    if possible < settings.max_connections:
        _log.warning(
            "the limit of open files allows fewer connections than WAYVO_MAX_CONNECTIONS",
            possible=possible,
            wanted=settings.max_connections,
            mend="Raise it (ulimit -n, or LimitNOFILE in a systemd unit), or lower WAYVO_MAX_CONNECTIONS.",
        )
    return replace(settings, max_connections=possible)


def _configuration(settings: Settings, door: Door) -> uvicorn.Config:
    config = uvicorn.Config(
        door.application,
        http=guarded_protocol(door.guard),
        loop="none",
        ws="none",
        lifespan="off",
        interface="asgi3",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        timeout_graceful_shutdown=settings.drain_seconds,
        timeout_keep_alive=75,
    )
    config.load()
    if config.ssl is not None:
        _renew_on_sighup(settings, config.ssl)
    return config


def _renew_on_sighup(settings: Settings, served: ssl.SSLContext) -> None:
    """Take a renewed certificate without a restart."""
    cert, key = settings.tls_cert, settings.tls_key
    if cert is None or key is None:
        return

    def renew() -> None:
        try:
            renew_certificate(served, read_certificate(cert, key))
        except SettingError as error:
            _log.error("certificate not renewed, the old one stays", reason=str(error))
        else:
            _log.info("certificate renewed")

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, renew)
