"""What a half-done change would leave in a database, of either engine: each of these questions finds nothing."""

from typing import Any

import msgspec
from sqlalchemy import func, select, text

from wayvo.store.engines import reading_engine
from wayvo.store.tables import api_keys, idempotency_keys, outbox

HALVES = {
    "a key without its words": "SELECT id FROM api_keys WHERE id NOT IN (SELECT api_key_id FROM api_key_words)",
    "a predecessor without its successor": "SELECT id FROM api_keys AS old WHERE successor_id IS NOT NULL"
    " AND NOT EXISTS (SELECT 1 FROM api_keys WHERE id = old.successor_id AND predecessor_id = old.id)",
    "a successor without its predecessor": "SELECT id FROM api_keys AS new WHERE predecessor_id IS NOT NULL"
    " AND NOT EXISTS (SELECT 1 FROM api_keys WHERE id = new.predecessor_id AND successor_id = new.id)",
    "a revoked key that has not ended": "SELECT id FROM api_keys WHERE revoked_at IS NOT NULL AND ended_at IS NULL",
    "a word of no key": "SELECT api_key_id FROM api_key_words WHERE api_key_id NOT IN (SELECT id FROM api_keys)",
}

OF_SQLITE = {
    "a broken page": "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
    "a broken reference": 'SELECT "table" FROM pragma_foreign_key_check',
}


def refuse_halves(url: str, *, has_outbox: bool = False) -> None:
    """Look at the database itself. With ``has_outbox`` it is the one that was written to."""
    engine = reading_engine(url)
    questions = HALVES | (OF_SQLITE if engine.dialect.name == "sqlite" else {})
    with engine.connect() as connection:
        found: dict[str, list[Any]] = {what: list(connection.execute(text(ask))) for what, ask in questions.items()}
        if has_outbox:
            told = set(connection.execute(select(outbox.c.subject).where(outbox.c.kind == "credential")).scalars())
            digests = connection.execute(select(api_keys.c.digest)).scalars()
            found["a key that no cache was told of"] = [digest for digest in digests if digest.hex() not in told]
        there = set(connection.execute(select(api_keys.c.id)).scalars())
        answers = connection.execute(select(idempotency_keys.c.answer)).scalars()
        made = [msgspec.json.decode(answer)["id"] for answer in answers]
        found["an answer about a key that is not there"] = [
            id for id in made if id.startswith("key_") and id not in there
        ]
        keys = connection.execute(select(func.count()).select_from(api_keys)).scalar_one()
    engine.dispose()
    halves = {what: rows[:5] for what, rows in found.items() if rows}
    assert not halves, halves
    assert keys > 0, "there was nothing to look at"
