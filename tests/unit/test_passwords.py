"""Passwords: what is stored of them, and that a flood of them takes bounded memory."""

import asyncio

from wayvo.core.errors import Overloaded
from wayvo.services.passwords import AT_ONCE, WAITING, PasswordHashing, hash_password, is_password

PASSWORD = "correct horse battery staple"


def test_a_password_is_known_by_its_hash_and_no_other_is() -> None:
    stored = hash_password(PASSWORD)
    assert stored.startswith("$argon2id$")
    assert PASSWORD not in stored
    assert stored != hash_password(PASSWORD)
    assert is_password(PASSWORD, stored)
    assert not is_password(PASSWORD.upper(), stored)
    assert not is_password("", stored)
    assert not is_password(PASSWORD, "no hash at all")


def test_beyond_those_that_wait_a_password_is_refused_at_once_and_later_it_is_not() -> None:
    async def flood() -> tuple[list[object], object]:
        hashing = PasswordHashing()
        at_once = await asyncio.gather(*(hashing.hash(f"{PASSWORD} {number}") for number in range(WAITING + 3)))
        return [*at_once], await hashing.check(PASSWORD, str(at_once[0]))

    results, afterwards = asyncio.run(flood())
    assert AT_ONCE < WAITING
    assert [isinstance(result, Overloaded) for result in results] == [False] * WAITING + [True] * 3
    assert afterwards is False
