"""Opens an installation: its database, its root secret, and what every command and the server need of them."""

import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass

from wayvo.bus.local import LocalBus
from wayvo.core.audit_chain import Sealer
from wayvo.core.change import Change
from wayvo.core.credentials.digest import Digester, RootSecret
from wayvo.core.instants import Clock
from wayvo.services.draw import Draw, Entropy
from wayvo.services.root_secret import adopt_root_secret, register_brand
from wayvo.settings import SettingError, Settings
from wayvo.store.data_folder import DataFolder
from wayvo.store.postgresql import PostgresqlDatabase, prepare_postgresql
from wayvo.store.sqlite import SqliteDatabase, prepare_sqlite

AnyDatabase = SqliteDatabase | PostgresqlDatabase


def wall_clock() -> int:
    """Return the present in microseconds."""
    return time.time_ns() // 1000


@dataclass(frozen=True, slots=True)
class Installation:
    """An open database with what belongs to it. ``node`` names this process to the others."""

    database: AnyDatabase
    bus: LocalBus
    node: str
    draw: Draw
    root: RootSecret
    sealer: Sealer
    digester: Digester
    retired: tuple[Digester, ...]
    brands: tuple[str, ...]


@asynccontextmanager
async def open_installation(
    settings: Settings, *, is_server: bool, clock: Clock = wall_clock, entropy: Entropy = os.urandom
) -> AsyncIterator[Installation]:
    """Open the database that ``settings`` name: lock it for a server, see to its schema, check the root secret."""
    with ExitStack() as stack:
        folder = DataFolder(settings.data_dir) if settings.is_on_sqlite else None
        if is_server and folder is not None:
            stack.enter_context(folder.lock())
            # The database may be elsewhere: two servers may differ in their folders and share it, and who copies it
            # looks there for a server.
            if (place := settings.database_path.parent).is_dir() and not place.samefile(folder.path):
                stack.enter_context(DataFolder(place).lock())
        root = _root_secret(settings, folder, entropy)
        retired_roots = _retired(settings)
        _prepare(settings, is_server=is_server)
        bus, node = LocalBus(), entropy(8).hex()
        sealer = Sealer(root)
        database = _open_database(settings, bus.publish, node, sealer)
        try:
            draw = Draw(clock, entropy, settings.key_prefix)
            in_use = await adopt_root_secret(database, root, retired_roots, clock())
            yield Installation(
                database=database,
                bus=bus,
                node=node,
                draw=draw,
                root=root,
                sealer=sealer,
                digester=Digester(root),
                retired=tuple(Digester(old) for old in retired_roots if old.fingerprint in in_use),
                brands=await register_brand(database, settings.key_prefix, clock()),
            )
        finally:
            await database.close()


def root_secrets(settings: Settings) -> tuple[RootSecret, tuple[RootSecret, ...]]:
    """Return the root secret of a database that is there, and the retired ones, for who only reads."""
    folder = DataFolder(settings.data_dir) if settings.is_on_sqlite and settings.secret_key is None else None
    return _root_secret(settings, folder, os.urandom), _retired(settings)


def _retired(settings: Settings) -> tuple[RootSecret, ...]:
    return tuple(RootSecret(secret.reveal()) for secret in settings.retired_secret_keys)


def _root_secret(settings: Settings, folder: DataFolder | None, entropy: Entropy) -> RootSecret:
    if settings.secret_key is not None:
        return RootSecret(settings.secret_key.reveal())
    if folder is None:
        raise SettingError("WAYVO_SECRET_KEY", "is missing", "Give the root secret that the nodes share.")
    return RootSecret(folder.secret(entropy, may_create=not settings.database_path.exists()))


def _prepare(settings: Settings, *, is_server: bool) -> None:
    """See to the schema. A server on PostgreSQL, which may have neighbours on the old one, does not change it."""
    if settings.is_on_sqlite:
        prepare_sqlite(settings.database_path)
    else:
        prepare_postgresql(settings.resolved_database_url, may_migrate=not is_server)


def _open_database(settings: Settings, publish: Callable[[Change], None], node: str, sealer: Sealer) -> AnyDatabase:
    if settings.is_on_sqlite:
        return SqliteDatabase(settings.database_path, publish, node, sealer)
    return PostgresqlDatabase(settings.resolved_database_url, publish, node)
