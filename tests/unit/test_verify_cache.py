"""The cache: bounded, and never older than the last change that it was told of."""

import pytest

from tests.unit.credential_records import INVOICES, OPERATOR, api, credential, digester, record
from wayvo.core.change import Change, ChangeKind
from wayvo.core.credentials.record import CredentialRecords
from wayvo.verify.cache import ABSENT, MAX_ABSENT, Cache
from wayvo.verify.cells import Cells
from wayvo.verify.snapshot import Compiler

CAPACITY = 100


class Part:
    """A cache to put keys into, by number."""

    def __init__(self) -> None:
        cells = Cells()
        self.cache = Cache(cells, CAPACITY)
        self._compiler = Compiler(cells)

    def put(self, *numbers: int) -> None:
        """Read these keys from the store."""
        records = tuple(record(credential(number), project_id=f"prj_{number}") for number in numbers)
        self.cache.begin_reading()
        self.cache.end_reading({**self._compiler.compile(CredentialRecords(records, {INVOICES: api()}))})

    def put_absent(self, *numbers: int) -> None:
        """Find out that these don't exist."""
        self.cache.begin_reading()
        self.cache.end_reading({digester(credential(number)): ABSENT for number in numbers})

    def has(self, number: int) -> bool:
        return self.cache.get(digester(credential(number))) not in (None, ABSENT)

    def knows_as_absent(self, number: int) -> bool:
        return self.cache.get(digester(credential(number))) is ABSENT


def test_the_least_recently_used_goes_first_when_the_cache_is_full() -> None:
    part = Part()
    part.put(*range(CAPACITY))
    assert part.has(0)
    part.put(CAPACITY)
    assert (part.has(0), part.has(1), part.has(2), part.has(CAPACITY)) == (True, False, True, True)
    assert len(part.cache) == CAPACITY


def test_the_cache_never_grows_beyond_its_capacity() -> None:
    part = Part()
    for number in range(0, 5 * CAPACITY, 7):
        part.put(*range(number, number + 7))
        assert len(part.cache) <= CAPACITY


def test_a_hundred_thousand_unknown_keys_evict_no_valid_one_and_stay_bounded() -> None:
    part = Part()
    part.put(*range(CAPACITY))
    for start in range(0, 100_000, 500):
        part.cache.begin_reading()
        part.cache.end_reading({number.to_bytes(32): ABSENT for number in range(start, start + 500)})
    assert all(part.has(number) for number in range(CAPACITY))
    remembered = sum(part.cache.get(number.to_bytes(32)) is ABSENT for number in range(100_000))
    assert remembered == MAX_ABSENT


def test_valid_keys_push_no_absence_out() -> None:
    part = Part()
    part.put_absent(999)
    part.put(*range(3 * CAPACITY))
    assert part.knows_as_absent(999)


def test_a_change_of_a_credential_is_forgotten_whether_it_was_there_or_absent() -> None:
    part = Part()
    part.put(1)
    part.put_absent(2)
    for number in (1, 2):
        part.cache.apply(Change("credential", digester(credential(number)).hex(), at=5))
        assert part.cache.get(digester(credential(number))) is None


@pytest.mark.parametrize(
    ("kind", "subject"), [("project", "prj_1"), ("organization", OPERATOR), ("api", f"api_{INVOICES}")]
)
def test_a_change_of_what_keys_hang_on_makes_them_stale(kind: ChangeKind, subject: str) -> None:
    part = Part()
    part.put(1, 2)
    part.cache.apply(Change(kind, subject, at=5))
    assert not part.has(1)
    assert part.has(2) == (kind == "project")


def test_a_stale_snapshot_leaves_the_cache_when_it_is_asked_for() -> None:
    part = Part()
    part.put(1)
    part.cache.apply(Change("project", "prj_1", at=5))
    assert not part.has(1)
    assert len(part.cache) == 0


def test_a_bump_during_a_reading_keeps_nothing_of_it() -> None:
    part = Part()
    part.cache.begin_reading()
    part.cache.apply(Change("project", "prj_of_somebody_else", at=5))
    part.cache.end_reading({digester(credential(1)): ABSENT})
    assert part.cache.get(digester(credential(1))) is None


def test_a_change_before_a_reading_takes_nothing_from_it() -> None:
    part = Part()
    part.cache.apply(Change("credential", digester(credential(1)).hex(), at=5))
    part.cache.apply(Change("project", "prj_1", at=5))
    part.put(1)
    assert part.has(1)
