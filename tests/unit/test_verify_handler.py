"""From what a request presents to a decision: what is looked up, and what dies before."""

import asyncio
import zlib

import pytest

from tests.unit.credential_records import INVOICES, Stored, credential, digester, record
from wayvo.core.credentials.format import Mode, mint, prefixes_of
from wayvo.core.decision import Code
from wayvo.verify.cache import Cache
from wayvo.verify.cells import Cells
from wayvo.verify.filler import Filler
from wayvo.verify.handler import NOTHING_LOADED, Missing, Verifier
from wayvo.verify.judge import Question
from wayvo.verify.meter import Meter
from wayvo.verify.snapshot import Compiler, Snapshot

KEY = credential(1)
WANTED = Question(INVOICES, ("invoices:read",), Mode.LIVE, "192.0.2.1")


class Part:
    """A verifier on a store that counts how often it is read."""

    def __init__(self, *brands: str) -> None:
        self.source = Stored(record(KEY))
        self.meter = Meter()
        self.is_up_to_date = True
        cells = Cells()
        cache = Cache(cells, 100)
        self.verifier = Verifier(
            prefixes=frozenset().union(*(prefixes_of(brand) for brand in brands or ("wv",))),
            digester=digester,
            cache=cache,
            filler=Filler(self.source, cache, Compiler(cells), ()),
            meter=self.meter,
            clock=lambda: 7,
            may_trust=lambda: self.is_up_to_date,
        )

    def ask(self, presented: bytes, question: Question = WANTED) -> Code:
        return asyncio.run(self.verifier.ask(presented, question)).code


FORGED = {
    "nothing": b"",
    "a word": b"secret",
    "a wrong checksum": KEY[:-1] + (b"0" if KEY[-1:] != b"0" else b"1"),
    "a letter changed": KEY.replace(KEY[8:9], b"z" if KEY[8:9] != b"z" else b"y", 1),
    "the other mode": KEY.replace(b"_live_", b"_test_"),
    "another brand": credential(1, brand="acme"),
    "one character short": KEY[:-1],
    "one character long": KEY + b"0",
    "a space after it": KEY + b" ",
    "bytes outside ASCII": KEY[:-7] + b"\xff" + KEY[-6:],
    "NUL": KEY[:-7] + b"\0" + KEY[-6:],
    "very long": KEY * 10_000,
}


@pytest.mark.parametrize("presented", FORGED.values(), ids=FORGED.keys())
def test_what_is_forged_or_mistyped_dies_without_a_reading(presented: bytes) -> None:
    part = Part()
    assert part.ask(presented) is Code.MALFORMED
    assert part.source.readings == []


def test_signs_that_no_key_has_are_malformed_even_with_a_right_checksum() -> None:
    head = b"wv_live_" + b"-" * 32
    value, digits = zlib.crc32(head), b""
    for _ in range(6):
        value, digit = divmod(value, 62)
        digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[digit : digit + 1] + digits
    part = Part()
    assert part.ask(head + digits) is Code.MALFORMED
    assert part.source.readings == []


def test_a_known_key_is_read_once() -> None:
    part = Part()
    assert [part.ask(KEY) for _ in range(5)] == [Code.VALID] * 5
    assert len(part.source.readings) == 1


def test_an_unknown_key_is_read_once_and_its_absence_remembered() -> None:
    part = Part()
    assert [part.ask(credential(2)) for _ in range(5)] == [Code.UNKNOWN] * 5
    assert len(part.source.readings) == 1


def test_a_fresh_look_distrusts_the_cache_but_not_what_was_read_for_it() -> None:
    part = Part()
    part.ask(KEY)
    missing = part.verifier.look_up(KEY, NOTHING_LOADED, fresh=True)
    assert isinstance(missing, Missing)
    loaded = asyncio.run(part.verifier.load(missing))
    assert isinstance(part.verifier.look_up(KEY, loaded, fresh=True), Snapshot)
    assert len(part.source.readings) == 2


def test_keys_of_every_brand_there_ever_was_are_well_formed() -> None:
    part = Part("acme", "wv")
    assert part.ask(KEY) is Code.VALID
    assert part.ask(mint("acme", Mode.TEST, bytes(32)).encode()) is Code.UNKNOWN


def test_only_what_was_accepted_is_a_use() -> None:
    part = Part()
    part.ask(KEY, Question(INVOICES, ("invoices:write",), Mode.LIVE, "192.0.2.1"))
    part.ask(credential(2))
    assert part.meter.drain() == []
    part.ask(KEY)
    assert part.meter.drain() == [(record(KEY).id, 7, "192.0.2.1")]


def test_nothing_is_decided_by_a_process_that_may_have_missed_a_change() -> None:
    part = Part()
    part.ask(KEY)
    part.is_up_to_date = False
    assert [part.ask(KEY), part.ask(b"secret")] == [Code.UNAVAILABLE] * 2
    part.is_up_to_date = True
    assert part.ask(KEY) is Code.VALID


def test_every_decision_is_counted_by_its_code() -> None:
    part = Part()
    for presented in (KEY, KEY, credential(2), b"secret"):
        part.ask(presented)
    counted = {code: count for code, count in part.meter.decisions.items() if count}
    assert counted == {Code.VALID: 2, Code.UNKNOWN: 1, Code.MALFORMED: 1}


def test_what_is_missing_shows_no_secret() -> None:
    missing = Part().verifier.look_up(KEY, NOTHING_LOADED)
    assert isinstance(missing, Missing)
    shown = repr(missing) + str(missing)
    assert KEY.decode() not in shown
    assert digester(KEY).hex() not in shown
    assert repr(digester(KEY)) not in shown
