"""What one transaction of an import leaves behind: rows, an announcement, an audit event; or nothing at all."""

import msgspec
import pytest
from sqlalchemy import Connection

from tests.contracts.things import NOW, digest, new_key, store_organization, store_project
from wayvo.core.actor import Actor, Principal
from wayvo.core.audit import Happening
from wayvo.core.audit_chain import FIELDS
from wayvo.core.credentials.foreign import KeyFormat
from wayvo.core.organizations import Project
from wayvo.services.import_chunk import Candidate, Chunk, Done, RowOutcome
from wayvo.store import api_keys, key_formats
from wayvo.store.database import Transaction

FORMAT = KeyFormat("sk_live_", "base62", 24, 24)


@pytest.fixture
def project(connection: Connection) -> Project:
    return store_project(connection, store_organization(connection))


def actor(project: Project) -> Actor:
    return Actor(
        principal=Principal("service_account", project.id),
        credential_id="key_importer",
        organization_id=project.organization_id,
        project_id=project.id,
        scopes=frozenset({"api-keys:import"}),
        access={},
    )


def store(connection: Connection, project: Project, *rows: Candidate | RowOutcome) -> tuple[Transaction, Done]:
    transaction = Transaction(connection)
    chunk = Chunk(actor(project), FORMAT, rows, NOW)
    done = chunk.store(Happening("evt_1", NOW, actor(project)), "fmt_1", "secret", transaction)
    assert isinstance(done, Done)
    return transaction, done


def candidate(project: Project, number: int) -> Candidate:
    return Candidate(new_key(project, access={}), (digest(number),))


def test_new_keys_are_announced_with_their_format_and_recorded_without_their_digests(
    connection: Connection, project: Project
) -> None:
    rows = [candidate(project, number) for number in range(3)]
    transaction, done = store(connection, project, *rows, RowOutcome("refused"))
    assert [row.outcome for row in done.outcomes] == ["created"] * 3 + ["refused"]
    (change,) = transaction.changes
    assert change.kind == "key_format"
    assert msgspec.json.decode(change.subject, type=KeyFormat) == FORMAT
    assert key_formats.every(connection) == (FORMAT,)
    (record,) = transaction.events
    event = dict(zip(FIELDS, record, strict=True))
    ids = sorted(row.key.id for row in rows)
    assert (event["action"], event["target_type"], event["target_id"]) == ("api_key.import", "key_format", "fmt_1")
    after = msgspec.json.decode(str(event["after"]))
    kept = {name: after[name] for name in ("created", "existing", "refused", "first_id", "last_id")}
    assert kept == {"created": 3, "existing": 0, "refused": 1, "first_id": ids[0], "last_id": ids[-1]}
    assert all(digest(number).hex() not in repr(event) for number in range(3))


def test_keys_that_are_there_leave_no_trace(connection: Connection, project: Project) -> None:
    there = candidate(project, 1)
    store(connection, project, there)
    transaction, done = store(connection, project, candidate(project, 1))
    assert done == Done((RowOutcome("exists", there.key.id),), "fmt_1")
    assert (transaction.changes, transaction.events) == ([], [])


def test_rows_that_are_all_refused_register_no_format(connection: Connection, project: Project) -> None:
    transaction, done = store(connection, project, RowOutcome("refused"))
    assert done.format_id is None
    assert (transaction.changes, transaction.events, key_formats.every(connection)) == ([], [], ())


def test_a_key_under_a_retired_digest_is_found_there(connection: Connection, project: Project) -> None:
    there = candidate(project, 1)
    store(connection, project, there)
    moved_on = Candidate(new_key(project, access={}), (digest(2), digest(1)))
    _, done = store(connection, project, moved_on)
    assert done.outcomes == (RowOutcome("exists", there.key.id),)
    assert api_keys.get(connection, project.organization_id, moved_on.key.id) is None
