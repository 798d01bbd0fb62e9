"""The rows of an import that are stored in one transaction: what is here already, what may not be, what is new."""

from collections.abc import Callable
from typing import Final, Literal

import msgspec
from sqlalchemy import Connection

from wayvo.core.access.permissions import API_KEYS_IMPORT
from wayvo.core.actor import Actor
from wayvo.core.audit import Happening
from wayvo.core.change import Change
from wayvo.core.credentials.api_key import ApiKey
from wayvo.core.credentials.foreign import MAX_FORMATS, MAX_FORMATS_PER_ORGANIZATION, KeyFormat
from wayvo.core.errors import AccessNotHeld, FieldError, Problem, ProjectArchived, TooManyKeyFormats, invalid
from wayvo.core.organizations import Project
from wayvo.services.access import refuse_access, refuse_new_key
from wayvo.services.authority import present
from wayvo.store import api_keys, key_formats, projects
from wayvo.store.database import Transaction


class RowOutcome(msgspec.Struct, frozen=True):
    """What became of a row. ``id`` is the key's (in a dry run ``None`` where it would be created)."""

    outcome: Literal["created", "exists", "refused"]
    id: str | None = None
    fault: FieldError | None = None


class Candidate(msgspec.Struct, frozen=True):
    """A key to store, and its digests: under the present root secret, then under the retired ones."""

    key: ApiKey
    digests: tuple[bytes, ...]

    def __repr__(self) -> str:
        return f"Candidate({self.key.id})"


Prepared = Candidate | RowOutcome

_FIELDS: Final = {ProjectArchived.code: "project_id", AccessNotHeld.code: "access"}
"""The field of a row that is at fault where a problem names none."""


class Done(msgspec.Struct, frozen=True):
    """What became of the rows, in their order; ``format_id`` is ``None`` while no key of the format is stored."""

    outcomes: tuple[RowOutcome, ...]
    format_id: str | None


class Imported(msgspec.Struct, frozen=True):
    """What the audit trail keeps: how many rows, the first and the last id of the new keys, and their format."""

    created: int
    existing: int
    refused: int
    first_id: str
    last_id: str
    format: KeyFormat


class Chunk(msgspec.Struct, frozen=True):
    """Rows of one import, for the actor's organization."""

    actor: Actor
    format: KeyFormat
    rows: tuple[Prepared, ...]
    now_us: int

    def look(self, connection: Connection) -> Done | Problem:
        """Say what :meth:`store` would do, and write nothing."""
        outcomes = [
            RowOutcome("created") if isinstance(row, Candidate) else row
            for row in self._judged(connection, self.actor, projects.get)
        ]
        format_id = key_formats.find(connection, self.format)
        is_new = format_id is None and any(outcome.outcome == "created" for outcome in outcomes)
        if is_new and (problem := self._too_many_formats(connection)):
            return problem
        return Done(tuple(outcomes), format_id)

    def store(
        self, happening: Happening, new_format_id: str, digest_secret: str, transaction: Transaction
    ) -> Done | Problem:
        """Store the new keys, and with the first one of its format the format. A job of the database."""
        connection = transaction.connection
        giver = present(connection, self.actor)
        if problem := giver.lacks(API_KEYS_IMPORT):
            return problem
        judged = self._judged(connection, giver, projects.get_to_add_to)
        fresh = [row for row in judged if isinstance(row, Candidate)]
        format_id = key_formats.find(connection, self.format)
        if not fresh:
            return Done(tuple(row for row in judged if isinstance(row, RowOutcome)), format_id)
        if format_id is None:
            if problem := self._too_many_formats(connection):
                return problem
            key_formats.insert(connection, new_format_id, self.actor.organization_id, self.format, self.now_us)
            format_id = key_formats.find(connection, self.format)
        pairs = [(row.key, row.digests[0]) for row in fresh]
        stored = api_keys.insert_imported(connection, pairs, digest_secret, self.now_us)
        outcomes = [self._stored(connection, row, stored) if isinstance(row, Candidate) else row for row in judged]
        if stored:
            # Even if the format is known: absences are, too, and the first use of these keys is to come.
            subject = msgspec.json.encode(self.format).decode()
            transaction.announce(Change("key_format", subject, self.now_us))
            counts = {name: sum(row.outcome == name for row in outcomes) for name in ("created", "exists", "refused")}
            imported = Imported(
                counts["created"], counts["exists"], counts["refused"], min(stored), max(stored), self.format
            )
            transaction.record(happening.event("api_key.import", "key_format", str(format_id), None, imported))
        return Done(tuple(outcomes), format_id)

    def _judged(
        self, connection: Connection, giver: Actor, get_project: Callable[[Connection, str, str], Project | None]
    ) -> list[Prepared]:
        """Return the rows with an outcome for each that is no new key. A row that stands twice is new once."""
        owner = self.actor.organization_id
        digests = [digest for row in self.rows if isinstance(row, Candidate) for digest in row.digests]
        there = api_keys.find_imported(connection, digests) if digests else {}
        wanted = {row.key.project_id for row in self.rows if isinstance(row, Candidate)}
        found = {project_id: get_project(connection, owner, project_id) for project_id in sorted(wanted)}
        verdicts: dict[bytes, Problem | None] = {}
        judged: list[Prepared] = []
        for row in self.rows:
            if isinstance(row, RowOutcome):
                judged.append(row)
                continue
            known = next((there[digest] for digest in row.digests if digest in there), None)
            if known is not None:
                judged.append(_there(known, owner))
                continue
            problem = refuse_new_key(found[row.key.project_id]) or _refuse_access(connection, giver, row.key, verdicts)
            if problem is None:
                there[row.digests[0]] = (row.key.id, owner)
            judged.append(row if problem is None else refused(problem))
        return judged

    def _too_many_formats(self, connection: Connection) -> TooManyKeyFormats | None:
        everywhere, own = key_formats.counts(connection, self.actor.organization_id)
        if everywhere >= MAX_FORMATS or own >= MAX_FORMATS_PER_ORGANIZATION:
            return TooManyKeyFormats(
                f"An organization brings at most {MAX_FORMATS_PER_ORGANIZATION} formats, all of them together "
                f"{MAX_FORMATS}. Give keys that differ only in their length one format with both lengths."
            )
        return None

    def _stored(self, connection: Connection, row: Candidate, stored: set[str]) -> RowOutcome:
        if row.key.id in stored:
            return RowOutcome("created", row.key.id)
        # Another import came between, on another node.
        known = api_keys.find_imported(connection, row.digests)
        return _there(next(iter(known.values()), ("", "")), self.actor.organization_id)


def refused(problem: Problem) -> RowOutcome:
    """Return the outcome of a row that a problem keeps from being stored."""
    return RowOutcome(
        "refused",
        fault=problem.errors[0] if problem.errors else FieldError(_FIELDS.get(problem.code, "row"), problem.detail),
    )


def _refuse_access(
    connection: Connection, giver: Actor, key: ApiKey, verdicts: dict[bytes, Problem | None]
) -> Problem | None:
    """Ask once for each access: thousands of keys hold the same few."""
    asked = msgspec.json.encode((key.project_id, key.access), order="deterministic")
    if asked not in verdicts:
        verdicts[asked] = refuse_access(connection, giver, {}, key.access)
    return verdicts[asked]


def _there(known: tuple[str, str], organization_id: str) -> RowOutcome:
    key_id, owner = known
    if owner == organization_id:
        return RowOutcome("exists", key_id)
    return refused(invalid("sha256", "can't be imported here"))
