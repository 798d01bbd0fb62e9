"""Every list, look-up and sweep of API keys walks an index, whether the database has been analyzed or not.

The plans are those of the very statements that the store builds, with their parameters, as SQLite means to run them.
"""

import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event

from wayvo.core.audit_chain import Sealer
from wayvo.core.credentials.digest import RootSecret
from wayvo.core.credentials.format import Mode
from wayvo.core.credentials.record import Move
from wayvo.core.ids import new_id
from wayvo.core.instants import DAY_US
from wayvo.core.paging import Position
from wayvo.store import (
    api_keys,
    apis,
    audit,
    audit_reading,
    credentials,
    held_roles,
    idempotency,
    invitations,
    members,
    outbox,
    project_members,
    projects,
    roles,
    scope_uses,
    users,
)
from wayvo.store.api_keys import ApiKeyFilter
from wayvo.store.audit import AuditFilter
from wayvo.store.sqlite import create_sqlite_engine, prepare_sqlite
from wayvo.store.tables import api_key_words, audit_events, organizations
from wayvo.store.tables import api_keys as table
from wayvo.store.tables import projects as projects_table

NOW = 1_795_000_000_000_000
KEYS = 20_000
EVENTS = 10_000
OWN, OTHER = "org_own", "org_other"
PROJECTS = {"prj_big": OWN, "prj_small": OWN, "prj_other": OTHER}
CURSOR = Position(NOW - 30 * DAY_US, "key_00010000")
CURSORS = {"the first page": None, "a later page": CURSOR}

Plan = list[str]

FILTERS: dict[str, tuple[dict[str, Any], str]] = {
    "no filter": ({}, "ix_api_keys_organization_id_id"),
    "project": ({"project_id": "prj_small"}, "ix_api_keys_project_id_id"),
    "user": ({"user_id": "usr_1"}, "ix_api_keys_user"),
    "the projects seen": ({"seen_in": ("prj_small",)}, "ix_api_keys_project_id_id"),
    "mode": ({"mode": Mode.TEST}, "ix_api_keys_organization_id_mode_id"),
    "active": ({"status": "active"}, "ix_api_keys_active"),
    "expired": ({"status": "expired"}, "ix_api_keys_expiring"),
    "revoked": ({"status": "revoked"}, "ix_api_keys_revoked"),
    "expiring before": ({"expiring_before": NOW + DAY_US}, "ix_api_keys_expiring"),
    "unused since": ({"unused_since": NOW - DAY_US}, "ix_api_keys_idle"),
}
"""Each filter of the list, and the index made for it."""

AUDIT_FILTERS: dict[str, tuple[dict[str, Any], str]] = {
    "no filter": ({}, "ix_audit_events_organization_id_id"),
    "action": ({"action": "api_key.create"}, "ix_audit_events_organization_id_action_id"),
    "actor": ({"actor_id": "usr_1"}, "ix_audit_events_organization_id_actor_id_id"),
    "target": ({"target_id": "key_1"}, "ix_audit_events_organization_id_target_id_id"),
}
"""Likewise of the audit trail's list, each also within a time."""

CURSOR_BOUNDS = {"ix_api_keys_expiring": "(expires_at,id)", "ix_api_keys_idle": "(idle_since,id)"}
"""How a later page starts where the last one ended; ``id`` where the id alone sorts."""

SEALER = Sealer(RootSecret(bytes(32)))
SWEEPS: dict[str, Callable[[Connection], object]] = {
    "expired keys": lambda connection: api_keys.mark_expired(connection, NOW, 500),
    "old answers of creations": lambda connection: idempotency.sweep(connection, NOW, 500),
    "old uses of scopes": lambda connection: scope_uses.sweep(connection, NOW, 500),
    "old outbox rows": lambda connection: outbox.sweep(connection, NOW, 500),
}
LOOK_UPS: dict[str, Callable[[Connection], object]] = {
    "verification": lambda connection: credentials.find(connection, [bytes([n]) * 32 for n in range(50)]),
    "root secrets in use": credentials.secrets_in_use,
    "moving a digest": lambda connection: credentials.move_digest(
        connection, Move(bytes(32), b"1" * 32, b"2" * 32), "new"
    ),
    "imports that wait": credentials.are_imports_waiting,
    "one key": lambda connection: api_keys.get(connection, OWN, "key_00000001"),
    "a digest": lambda connection: api_keys.digest_of(connection, "key_00000001"),
    "last uses": lambda connection: api_keys.record_uses(connection, [("key_00000001", NOW, None)]),
    "an idempotency key": lambda connection: idempotency.find(connection, "key_00000001", bytes(32), NOW),
    "one project": lambda connection: projects.get(connection, OWN, "prj_big"),
    "projects": lambda connection: projects.page(connection, OWN, CURSOR, 50),
    "users": lambda connection: users.page(connection, OWN, CURSOR, 50),
    "what a member holds": lambda connection: held_roles.of(connection, OWN, "usr_1", "prj_big"),
    "custom roles": lambda connection: held_roles.custom(connection, ["rol_1", "rol_2"]),
    "an account": lambda connection: users.account_of(connection, "a@example.com"),
    "a member's role": lambda connection: members.role_of(connection, OWN, "usr_1"),
    "another owner": lambda connection: members.has_another(connection, OWN, "owner", "usr_1"),
    "a user's organizations": lambda connection: members.organizations_of(connection, "usr_1"),
    "a user's projects": lambda connection: project_members.roles_of(connection, OWN, "usr_1"),
    "the members of a project": lambda connection: project_members.page(connection, OWN, "prj_big", CURSOR, 50),
    "one role": lambda connection: roles.get(connection, OWN, "rol_1"),
    "roles": lambda connection: roles.page(connection, OWN, CURSOR, 50),
    "the roles' names": lambda connection: roles.names(connection, OWN),
    "whether a role is in use": lambda connection: roles.is_in_use(connection, OWN, "rol_1", NOW),
    "an invitation": lambda connection: invitations.by_digest(connection, bytes(32)),
    "invitations": lambda connection: invitations.page(connection, OWN, CURSOR, 50),
    "open invitations": lambda connection: invitations.count_open(connection, OWN, NOW),
    "old invitations": lambda connection: invitations.prune(connection, OWN, NOW, 100),
    "leaving every project": lambda connection: project_members.delete_all(connection, OWN, "usr_1"),
    "an audience": lambda connection: apis.by_audience(connection, OWN, ["urn:a", "urn:b"]),
    "the outbox": lambda connection: outbox.after(connection, 17, 100),
    "its end": outbox.last_sequence,
    "one audit event": lambda connection: audit.get(connection, OWN, "evt_00000001"),
    "pruning": lambda connection: audit.prune(connection, OWN, NOW, SEALER, 500),
    "a chain": lambda connection: list(audit_reading.links(connection, OWN)),
    "what waits for its link": lambda connection: audit_reading.unchained(connection, OWN),
    "the chains there are": lambda connection: list(audit_reading.organizations(connection)),
}


def key_row(number: int, chance: random.Random) -> dict[str, Any]:
    """Return a key: most in one project of one organization, a third without expiry, some ended."""
    project = "prj_other" if number % 20 == 0 else "prj_small" if number % 997 == 0 else "prj_big"
    expires_at = chance.choice([None, NOW - chance.randrange(90 * DAY_US), NOW + chance.randrange(90 * DAY_US)])
    revoked_at = NOW - chance.randrange(90 * DAY_US) if chance.random() < 0.1 else None
    swept_at = expires_at if expires_at is not None and expires_at < NOW - DAY_US else None
    return {
        "id": f"key_{number:08}",
        "organization_id": PROJECTS[project],
        "project_id": project,
        "digest": number.to_bytes(32),
        "digest_secret": "fingerprint",
        "name": f"Deploy {number % 100}",
        "description": "",
        "mode": "live" if number % 5 else "test",
        "access": "{}",
        "allowed_networks": "[]",
        "metadata": "{}",
        "prefix": "wv_live",
        "last_four": "aB3x",
        "created_at": NOW - 100 * DAY_US + number,
        "expires_at": expires_at,
        "revoked_at": revoked_at,
        "ended_at": revoked_at or swept_at,
        "user_id": "usr_1" if number % 50 == 1 else None,
        "idle_since": NOW - chance.randrange(100 * DAY_US),
    }


def event_row(number: int) -> dict[str, Any]:
    """Return an audit event, one of the latest without a link."""
    return {
        "id": new_id("evt", NOW - (EVENTS - number) * 60_000_000, number.to_bytes(8)),
        "organization_id": OTHER if number % 20 == 0 else OWN,
        "at": NOW - (EVENTS - number) * 60_000_000,
        "actor_type": "user",
        "actor_id": f"usr_{number % 7}",
        "action": "api_key.create" if number % 3 else "api_key.revoke",
        "target_type": "api_key",
        "target_id": f"key_{number % 1000}",
        "sequence": None if number > EVENTS - 5 else number,
    }


@pytest.fixture(scope="module", params=["never analyzed", "analyzed"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """A database with many keys."""
    path: Path = tmp_path_factory.mktemp("plans") / "wayvo.db"
    prepare_sqlite(path)
    chance = random.Random(1)
    with create_sqlite_engine(path, "BEGIN").connect() as connection:
        with connection.begin():
            made = [{"id": id, "name": id, "created_at": NOW} for id in (OWN, OTHER)]
            connection.execute(organizations.insert(), made)
            made = [
                {"id": id, "organization_id": owner, "name": id, "description": "", "created_at": NOW}
                for id, owner in PROJECTS.items()
            ]
            connection.execute(projects_table.insert(), made)
            keys = [key_row(number, chance) for number in range(KEYS)]
            connection.execute(table.insert(), keys)
            words = [
                {"organization_id": key["organization_id"], "word": word, "api_key_id": key["id"]}
                for key in keys
                for word in key["name"].lower().split()
            ]
            connection.execute(api_key_words.insert(), words)
            connection.execute(audit_events.insert(), [event_row(number) for number in range(EVENTS)])
        if request.param == "analyzed":
            connection.exec_driver_sql("ANALYZE")
            connection.rollback()
    return create_sqlite_engine(path, "BEGIN")


@pytest.fixture
def connection(store: Engine) -> Iterator[Connection]:
    """A transaction on it that leaves nothing behind; a connection reads the statistics when it is made."""
    with store.connect() as connection, connection.begin() as transaction:
        yield connection
        transaction.rollback()


@contextmanager
def planned(connection: Connection) -> Iterator[list[Plan]]:
    """Collect the plan of every statement that runs in the context."""
    statements: list[tuple[str, Any]] = []

    def note(_: Connection, __: object, statement: str, parameters: Any, ___: object, many: bool) -> None:
        statements.append((statement, parameters[0] if many else parameters))

    event.listen(connection.engine, "before_cursor_execute", note)
    plans: list[Plan] = []
    try:
        yield plans
    finally:
        event.remove(connection.engine, "before_cursor_execute", note)
    for statement, parameters in statements:
        explained = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        plans.append([row[3] for row in explained])


def plan_of_page(connection: Connection, wanted: dict[str, Any], after: Position | None) -> Plan:
    with planned(connection) as plans:
        api_keys.page(connection, OWN, ApiKeyFilter(**wanted), now_us=NOW, after=after, limit=50)
    (plan,) = plans
    return plan


@pytest.mark.parametrize("page", CURSORS)
@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_walks_the_index_made_for_it_from_where_the_page_starts(
    connection: Connection, name: str, page: str
) -> None:
    wanted, index = FILTERS[name]
    (step,) = plan_of_page(connection, wanted, CURSORS[page])
    # Nothing but one walk: no scan, and nothing to sort.
    walk = re.fullmatch(rf"SEARCH api_keys USING INDEX {index} \((?P<bounds>.*)\)", step)
    assert walk, step
    if CURSORS[page] is not None:
        assert re.search(rf"{re.escape(CURSOR_BOUNDS.get(index, 'id'))}[<>]", walk["bounds"]), step


@pytest.mark.parametrize("time", [{}, {"since": NOW - DAY_US}, {"since": NOW - DAY_US, "until": NOW}])
@pytest.mark.parametrize("page", CURSORS)
@pytest.mark.parametrize("name", AUDIT_FILTERS)
def test_a_filter_of_the_audit_trail_walks_the_index_made_for_it_within_its_time(
    connection: Connection, name: str, page: str, time: dict[str, Any]
) -> None:
    wanted, index = AUDIT_FILTERS[name]
    after = None if CURSORS[page] is None else Position(None, "evt_1")
    with planned(connection) as plans:
        audit.page(connection, OWN, AuditFilter(**wanted, **time), after, 50)
    ((step,),) = plans
    walk = re.fullmatch(rf"SEARCH audit_events USING INDEX {index} \((?P<bounds>.*)\)", step)
    assert walk, step
    assert ("id>?" in walk["bounds"]) == ("since" in time)
    assert ("id<?" in walk["bounds"]) == (after is not None or "until" in time)


@pytest.mark.parametrize("page", CURSORS)
def test_text_finds_keys_by_their_words(connection: Connection, page: str) -> None:
    plan = plan_of_page(connection, {"text": "deploy 7"}, CURSORS[page])
    words = [step for step in plan if "api_key_words" in step]
    assert words == ["SEARCH api_key_words USING PRIMARY KEY (organization_id=? AND word>? AND word<?)"] * 2
    (keys,) = [step for step in plan if step.split()[1] == "api_keys"]
    # One by one, by their ids.
    assert re.fullmatch(r"SEARCH api_keys USING INDEX \w+ \((organization_id=\? AND )?id=\?\)", keys), keys


@pytest.mark.parametrize("page", CURSORS)
def test_any_two_filters_together_scan_no_table(connection: Connection, page: str) -> None:
    for one, (first, _) in FILTERS.items():
        for two, (second, _) in (FILTERS | {"text": ({"text": "deploy"}, "")}).items():
            plan = plan_of_page(connection, first | second, CURSORS[page])
            assert all(step.startswith(("SEARCH", "LIST SUBQUERY", "USE TEMP B-TREE")) for step in plan), (one, two)
            if two != "text":
                assert "USE TEMP B-TREE FOR ORDER BY" not in plan, (one, two)


@pytest.mark.parametrize("name", LOOK_UPS)
def test_a_look_up_walks_an_index(connection: Connection, name: str) -> None:
    with planned(connection) as plans:
        LOOK_UPS[name](connection)
    assert plans
    for step in (step for plan in plans for step in plan):
        assert re.match(r"SEARCH |MULTI-INDEX OR|INDEX \d|LIST SUBQUERY|SCALAR SUBQUERY", step), plans


@pytest.mark.parametrize("name", SWEEPS)
def test_the_sweeper_finds_what_is_due_by_an_index(connection: Connection, name: str) -> None:
    with planned(connection) as plans:
        SWEEPS[name](connection)
    (plan,) = plans
    assert plan
    for step in plan:
        assert re.match(r"SEARCH \w+ USING (COVERING )?(INDEX|(INTEGER )?PRIMARY KEY)|LIST SUBQUERY", step), plan


def test_events_without_a_link_are_found_in_an_index_that_holds_no_others(connection: Connection) -> None:
    with planned(connection) as plans:
        assert audit.has_pending(connection)
    assert plans == [["SCAN audit_events USING INDEX ix_audit_events_unchained"]]


def test_the_root_secrets_in_use_are_found_without_reading_the_keys(connection: Connection) -> None:
    with planned(connection) as plans:
        assert credentials.secrets_in_use(connection) == {"fingerprint"}
    assert all("USING COVERING INDEX ix_api_keys_digest_secret" in step for plan in plans for step in plan)
    # One look-up for each, and one that finds no more: not one for each key.
    assert len(plans) == 2


def test_a_scan_would_be_noticed(connection: Connection) -> None:
    with planned(connection) as plans:
        connection.exec_driver_sql("SELECT name FROM api_keys WHERE description = 'x' ORDER BY name")
    assert plans == [["SCAN api_keys", "USE TEMP B-TREE FOR ORDER BY"]]
