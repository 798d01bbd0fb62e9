"""Databases of either engine that a test founds an installation in, fills, looks into, and moves to another."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData, func, insert, select

from tests.harness.engine import ROOT_SECRET
from tests.harness.foreign import imported, made_elsewhere, row
from tests.harness.people import invite, join, make_role
from tests.harness.server import Client, RunningServer
from wayvo.core.credentials.digest import Digester, RootSecret
from wayvo.store.engines import reading_engine, writing_engine
from wayvo.store.schema import migrate, upgrade
from wayvo.store.tables import api_key_words, api_keys, last_batches, metadata, outbox
from wayvo.store.transfer import REVISION_TABLE, table_names


@dataclass(frozen=True, slots=True)
class Place:
    """Where a database is, or may be, and the settings of who works on it."""

    url: str
    variables: Mapping[str, str]

    @property
    def folder(self) -> Path:
        """The data folder; the database is in it if it is on SQLite."""
        return Path(self.variables["WAYVO_DATA_DIR"])


class Places:
    """Makes empty places. ``new_database`` makes an empty database on PostgreSQL and returns its URL."""

    def __init__(self, folder: Path, new_database: Callable[[], str]) -> None:
        self._folder = folder
        self._new_database = new_database

    def on(self, engine: str, name: str) -> Place:
        """Return a place on the engine of that name."""
        return self.on_sqlite(name) if engine == "sqlite" else self.on_postgresql(name)

    def on_sqlite(self, name: str) -> Place:
        """Return a place in a folder that is not there yet."""
        folder = self._folder / name
        return _place(f"sqlite:///{folder / 'wayvo.db'}", folder)

    def on_postgresql(self, name: str) -> Place:
        """Return a database without any tables."""
        return _place(self._new_database(), self._folder / name)


def _place(url: str, folder: Path) -> Place:
    variables = {"WAYVO_DATABASE_URL": url, "WAYVO_DATA_DIR": str(folder), "WAYVO_SECRET_KEY": ROOT_SECRET}
    return Place(url, variables)


@dataclass(frozen=True, slots=True)
class Filled:
    """What an installation holds: the operator's secret, and of every other key its secret and what is said of it."""

    operator: str
    verdicts: Mapping[str, str]

    def confirm(self, client: Client) -> None:
        """See that a server says of every key what it has to."""
        said = {}
        for secret in self.verdicts:
            answer = client.post("/v1/verify", json={"credential": secret, "ip": "192.0.2.1"})
            assert answer.status_code == 200, answer.text
            said[secret] = answer.json()["code"]
        assert list(said.values()) == list(self.verdicts.values())


def served(place: Place) -> RunningServer:
    """Return a server of the place (which founds an installation if there is none)."""
    return RunningServer(place.folder, None, **place.variables)


def migrate_place(place: Place) -> None:
    """Bring an empty place to the present schema, as ``wayvo migrate`` does."""
    place.folder.mkdir(mode=0o700, exist_ok=True)
    engine = writing_engine(place.url)
    migrate(engine)
    engine.dispose()


def fill(place: Place, keys: int = 0, *, as_at_first: bool = False) -> Filled:
    """Found an installation with something in every table, and with so many keys more that nobody asks about.

    ``as_at_first``: with what the first schema knew, and no more than what comes of that by itself.
    """
    migrate_place(place)
    with served(place) as server:
        client = server.client()
        verdicts: dict[str, str] = {}

        def post(path: str, status: int, body: Mapping[str, Any], once: str = "") -> dict[str, Any]:
            answer = client.post(path, json=body, headers={"Idempotency-Key": once} if once else {})
            assert answer.status_code == status, answer.text
            document: dict[str, Any] = answer.json()
            return document

        def create(verdict: str, once: str = "", **fields: Any) -> str:
            created = post("/v1/api-keys", 201, {"name": verdict, "scopes": ["users:read"], **fields}, once)
            verdicts[created["api_key"]] = verdict
            key_id: str = created["id"]
            return key_id

        create("valid", once="one", description="Schlüssel ☃ 'quoted'", metadata={"ünder": '\\ " \u2028'})
        create("network_denied", allowed_networks=["10.0.0.0/8"])
        post(f"/v1/api-keys/{create('revoked')}/revoke", 200, {"reason": "lost"})
        successor = post(f"/v1/api-keys/{create('expired')}/rotate", 201, {"overlap_seconds": 0}, "two")
        verdicts[successor["api_key"]] = "valid"
        post("/v1/apis", 201, {"audience": "https://orders.example", "name": "Orders", "scopes": []})
        project = post("/v1/projects", 201, {"name": "Archived"})["id"]
        create("revoked", project_id=project)
        if not as_at_first:
            unused, used = made_elsewhere(), made_elsewhere()
            imported(client, row(unused), row(used))
            verdicts |= {unused: "valid", used: "valid"}
            post("/v1/verify", 200, {"credential": used, "scopes": ["users:read"]})
            role = make_role(client, "projects:read")["id"]
            member = join(client, role)["id"]
            client.put(f"/v1/projects/{project}/members/{member}", json={"role": role}).raise_for_status()
            create("valid", user_id=member, scopes=["projects:read"])
            invite(client)
        post(f"/v1/projects/{project}/archive", 200, {})
        operator = server.key
    _add_keys(place, keys)
    return Filled(operator, verdicts)


def _add_keys(place: Place, number: int) -> None:
    engine = writing_engine(place.url)
    digester = Digester(RootSecret(ROOT_SECRET.encode()))
    with engine.begin() as connection:
        template = connection.execute(select(api_keys).where(api_keys.c.name == "valid").limit(1)).one()._asdict()
        rows = [
            template | {"id": f"key_0{index:025}", "digest": digester(str(index).encode()), "name": f"many {index}"}
            for index in range(number)
        ]
        words = [{"organization_id": row["organization_id"], "word": "many", "api_key_id": row["id"]} for row in rows]
        if rows:
            connection.execute(insert(api_keys), rows)
            connection.execute(insert(api_key_words), words)
    engine.dispose()


def fill_as_before(place: Place, revision: str, source: Place) -> None:
    """Make a place with an earlier schema, and put into it what it can take of a filled one's rows."""
    place.folder.mkdir(mode=0o700, exist_ok=True)
    target, origin, schema = writing_engine(place.url), reading_engine(source.url), MetaData()
    with target.begin() as connection, origin.connect() as reading:
        upgrade(connection, revision)
        schema.reflect(connection, only=lambda name, _: name != REVISION_TABLE)
        for table in schema.sorted_tables:
            rows = reading.execute(select(metadata.tables[table.name])).mappings().all()
            if rows:
                connection.execute(
                    insert(table), [{column.name: row[column.name] for column in table.columns} for row in rows]
                )
    target.dispose()
    origin.dispose()


def content(place: Place) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table, but those in which a database's own processes talk."""
    engine = reading_engine(place.url)
    with engine.connect() as connection:
        found = {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in metadata.sorted_tables
            if table not in (last_batches, outbox)
        }
    engine.dispose()
    return found


def tables_of(place: Place) -> dict[str, int]:
    """Return how many rows each of Wayvo's tables has that is there at all."""
    engine = reading_engine(place.url)
    there = table_names(engine)
    with engine.connect() as connection:
        counted = {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
            if table.name in there
        }
    engine.dispose()
    return counted
