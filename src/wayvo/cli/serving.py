"""Runs a server until it is told to stop: uvicorn, signals, the certificate's renewal."""

import asyncio
import signal
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable

import structlog
import uvicorn
import uvloop

from wayvo.app import Installation, WrongSecret, open_application, open_installation
from wayvo.cli.failures import CommandFailed, ExitCode
from wayvo.edge import logs
from wayvo.settings import SettingError, Settings
from wayvo.store.data_folder import DataFolderError
from wayvo.store.schema import UnknownSchema

_log = structlog.get_logger("wayvo.server")

EXPECTED = (SettingError, DataFolderError, UnknownSchema, WrongSecret)
"""What a person can mend: told in a sentence."""

Hook = Callable[[Installation], Awaitable[Callable[[], None]]]
"""Does something with the installation before it is served; what it returns is called when the server answers."""


def run(settings: Settings, before: Hook | None = None) -> None:
    """Serve until SIGTERM or SIGINT; both let running requests finish."""
    logs.configure(settings.log_format, settings.log_level)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings, before))
    except EXPECTED as error:
        raise CommandFailed(str(error), ExitCode.USAGE) from None


class _Server(uvicorn.Server):
    """uvicorn's server, which tells when it answers."""

    def __init__(self, config: uvicorn.Config, when_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._when_ready = when_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._when_ready()


async def _serve(settings: Settings, before: Hook | None) -> None:
    # uvicorn raises the signal that stopped it once more when it is done: this lets the database be closed after that.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    async with open_installation(settings, is_server=True) as installation:
        after = await before(installation) if before is not None else None
        async with open_application(installation, settings) as application:
            config = uvicorn.Config(
                application,
                host=settings.bind.host,
                port=settings.bind.port,
                http="httptools",
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
                _reload_on_sighup(settings, config.ssl)

            def ready() -> None:
                _log.info("serving", url=settings.public_url, bind=str(settings.bind))
                if after is not None:
                    after()
                sys.stdout.flush()

            server = _Server(config, ready)
            await server.serve()
            if not server.started:
                raise SettingError(
                    "WAYVO_BIND", f"is {settings.bind}, where this process can't listen", "Choose another port."
                )
    _log.info("stopped")


def _reload_on_sighup(settings: Settings, context: ssl.SSLContext) -> None:
    """Take a renewed certificate without a restart: connections made from then on get it."""

    cert, key = settings.tls_cert, settings.tls_key
    if cert is None:
        return

    def reload() -> None:
        try:
            # A broken pair must not replace a good one: it is tried elsewhere first.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key)
            context.load_cert_chain(cert, key)
        except (OSError, ssl.SSLError) as error:
            _log.error("certificate not reloaded, the old one stays", reason=str(error))
        else:
            _log.info("certificate reloaded")

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
