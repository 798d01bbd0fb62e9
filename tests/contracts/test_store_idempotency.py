"""The answers kept for repeated requests, on every engine."""

from sqlalchemy import Connection, func, select

from tests.contracts.things import NOW, digest
from wayvo.store import idempotency
from wayvo.store.idempotency import StoredAnswer
from wayvo.store.tables import idempotency_keys

ANSWER = StoredAnswer(digest(1), b'{"id": "key_1"}')
OTHER = StoredAnswer(digest(2), b"{}")
KEY = digest(7)


def kept(connection: Connection) -> int:
    counted: int = connection.execute(select(func.count()).select_from(idempotency_keys)).scalar_one()
    return counted


def test_the_first_answer_is_kept_and_a_second_is_not(connection: Connection) -> None:
    assert idempotency.claim(connection, "key_1", KEY, ANSWER, NOW, NOW + 10) is True
    assert idempotency.claim(connection, "key_1", KEY, OTHER, NOW, NOW + 99) is False
    assert idempotency.find(connection, "key_1", KEY, NOW) == ANSWER


def test_two_callers_may_use_the_same_key(connection: Connection) -> None:
    assert idempotency.claim(connection, "key_1", KEY, ANSWER, NOW, NOW + 10)
    assert idempotency.find(connection, "key_2", KEY, NOW) is None
    assert idempotency.claim(connection, "key_2", KEY, OTHER, NOW, NOW + 10)
    assert idempotency.find(connection, "key_1", KEY, NOW) == ANSWER
    assert idempotency.find(connection, "key_2", KEY, NOW) == OTHER


def test_an_answer_is_forgotten_in_the_very_microsecond_and_its_place_is_free(connection: Connection) -> None:
    idempotency.claim(connection, "key_1", KEY, ANSWER, NOW, NOW + 10)
    assert idempotency.find(connection, "key_1", KEY, NOW + 9) == ANSWER
    assert idempotency.claim(connection, "key_1", KEY, OTHER, NOW + 9, NOW + 99) is False
    assert idempotency.find(connection, "key_1", KEY, NOW + 10) is None
    assert idempotency.claim(connection, "key_1", KEY, OTHER, NOW + 10, NOW + 20) is True
    assert idempotency.find(connection, "key_1", KEY, NOW + 10) == OTHER


def test_old_answers_are_swept_in_batches_and_others_stay(connection: Connection) -> None:
    for number in range(5):
        idempotency.claim(connection, "key_1", digest(number), ANSWER, NOW, NOW + number)
    assert [idempotency.sweep(connection, NOW + 3, 3) for _ in range(3)] == [3, 1, 0]
    assert kept(connection) == 1
    assert idempotency.find(connection, "key_1", digest(4), NOW + 3) == ANSWER
