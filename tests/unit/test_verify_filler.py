"""Filling the cache: what is read, how often, and what a change on the way does to it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from msgspec.structs import replace

from tests.unit.credential_records import HeldBack, Stored, credential, digester, record, retired_digester
from wayvo.core.change import Change
from wayvo.core.credentials.digest import Digester
from wayvo.core.credentials.record import ImportState
from wayvo.core.decision import Code
from wayvo.verify.cache import ABSENT, Cache, Known
from wayvo.verify.cells import Cells
from wayvo.verify.filler import MAX_BATCH, Filler
from wayvo.verify.foreign import ForeignKeys
from wayvo.verify.snapshot import Compiler, Snapshot

KEY = credential(1)
DIGEST = digester(KEY)


class Part:
    """A cache with its filler on a given source."""

    def __init__(self, source: Stored, retired: tuple[Digester, ...] = ()) -> None:
        cells = Cells()
        self.cache = Cache(cells, 1000)
        self.foreign = ForeignKeys((digester, *retired))
        self.filler = Filler(source, self.cache, Compiler(cells), retired, self.foreign)

    def hear(self, change: Change) -> None:
        """Hear of a change as the server does."""
        self.foreign.hear(change)
        self.cache.apply(change)

    def ask(self, presented: bytes) -> asyncio.Task[Known]:
        """Ask about one key, and let the question get on its way."""
        return asyncio.create_task(self._ask(presented))

    async def _ask(self, presented: bytes) -> Known:
        digest = digester(presented)
        known = self.cache.get(digest)
        return (await self.filler.load({digest: presented}))[digest] if known is None else known


def is_revoked(known: Known | None) -> bool:
    assert isinstance(known, Snapshot)
    return known.denial is Code.REVOKED


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 30))


def revoke(source: Stored) -> Change:
    """Commit a revocation and return the change that the bus would carry."""
    source.rows[DIGEST] = replace(source.rows[DIGEST], revoked_at=5)
    return Change("credential", DIGEST.hex(), at=5)


def archive(source: Stored) -> Change:
    source.rows[DIGEST] = replace(source.rows[DIGEST], project_archived=True)
    return Change("project", "prj_1", at=5)


def remove_scopes(source: Stored) -> Change:
    source.apis = {audience: replace(api, declared=frozenset()) for audience, api in source.apis.items()}
    return Change("api", next(iter(source.apis.values())).id, at=5)


@pytest.mark.parametrize("commit", [revoke, archive, remove_scopes])
def test_what_a_change_passed_on_the_way_is_never_cached(commit: Callable[[Stored], Change]) -> None:
    async def test() -> None:
        source = HeldBack(record(KEY))
        part = Part(source)
        before = part.ask(KEY)
        await source.has_read.wait()
        part.cache.apply(commit(source))
        source.may_answer.set()
        stale = await before
        assert part.cache.get(DIGEST) is None
        fresh = await part.ask(KEY)
        assert fresh != stale
        assert part.cache.get(DIGEST) is fresh

    run(test)


@pytest.mark.parametrize("commit", [revoke, archive, remove_scopes])
def test_a_question_asked_after_the_acknowledgement_gets_the_new_answer_while_a_stale_reading_is_under_way(
    commit: Callable[[Stored], Change],
) -> None:
    async def test() -> None:
        source = HeldBack(record(KEY))
        part = Part(source)
        before = part.ask(KEY)
        await source.has_read.wait()
        part.cache.apply(commit(source))
        after = part.ask(KEY)
        await asyncio.sleep(0)
        source.may_answer.set()
        assert await after != await before
        assert part.cache.get(DIGEST) is await after
        assert len(source.readings) == 2

    run(test)


def test_a_revocation_is_seen_by_the_question_that_follows_it() -> None:
    async def test() -> None:
        source = HeldBack(record(KEY))
        part = Part(source)
        before = part.ask(KEY)
        await source.has_read.wait()
        part.cache.apply(revoke(source))
        after = part.ask(KEY)
        await asyncio.sleep(0)
        source.may_answer.set()
        assert not is_revoked(await before)
        assert is_revoked(await after)
        assert is_revoked(part.cache.get(DIGEST))

    run(test)


def test_a_key_created_while_its_absence_is_being_read_is_not_taken_for_absent() -> None:
    async def test() -> None:
        source = HeldBack()
        part = Part(source)
        before = part.ask(KEY)
        await source.has_read.wait()
        source.rows[DIGEST] = record(KEY)
        part.cache.apply(Change("credential", DIGEST.hex(), at=5))
        source.may_answer.set()
        assert await before is ABSENT
        assert isinstance(await part.ask(KEY), Snapshot)

    run(test)


def test_a_change_of_one_credential_costs_no_other_its_place_in_the_cache() -> None:
    async def test() -> None:
        other = credential(2)
        source = HeldBack(record(KEY), record(other))
        part = Part(source)
        asked = part.ask(KEY), part.ask(other)
        await source.has_read.wait()
        part.cache.apply(revoke(source))
        source.may_answer.set()
        await asyncio.gather(*asked)
        assert part.cache.get(DIGEST) is None
        assert part.cache.get(digester(other)) is not None

    run(test)


def test_a_hundred_questions_about_one_key_are_at_most_two_readings() -> None:
    async def test() -> None:
        source = HeldBack(record(KEY))
        part = Part(source)
        first = [part.ask(KEY) for _ in range(50)]
        await source.has_read.wait()
        later = [part.ask(KEY) for _ in range(50)]
        await asyncio.sleep(0)
        source.may_answer.set()
        assert len({id(known) for known in await asyncio.gather(*first)}) == 1
        assert len({id(known) for known in await asyncio.gather(*later)}) == 1
        assert source.readings == [{DIGEST}, {DIGEST}]

    run(test)


def test_questions_that_come_during_a_reading_share_the_next_one() -> None:
    async def test() -> None:
        source = HeldBack()
        part = Part(source)
        asked = [part.ask(KEY)]
        await source.has_read.wait()
        asked += [part.ask(credential(number)) for number in range(2, 400)]
        await asyncio.sleep(0)
        source.may_answer.set()
        await asyncio.gather(*asked)
        assert [len(reading) for reading in source.readings] == [1, 398]

    run(test)


def test_a_reading_is_bounded() -> None:
    async def test() -> None:
        source = Stored()
        part = Part(source)
        await asyncio.gather(*(part.ask(credential(number)) for number in range(2 * MAX_BATCH + 1)))
        assert [len(reading) for reading in source.readings] == [MAX_BATCH, MAX_BATCH, 1]

    run(test)


def test_a_caller_that_goes_away_takes_nothing_from_the_others() -> None:
    async def test() -> None:
        source = HeldBack(record(KEY))
        part = Part(source)
        leaving, staying = part.ask(KEY), part.ask(KEY)
        await source.has_read.wait()
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        source.may_answer.set()
        assert isinstance(await staying, Snapshot)
        assert part.cache.get(DIGEST) is await staying

    run(test)


def test_a_reading_whose_only_caller_went_away_still_fills_the_cache() -> None:
    async def test() -> None:
        source = HeldBack(record(KEY))
        part = Part(source)
        leaving = part.ask(KEY)
        await source.has_read.wait()
        leaving.cancel()
        source.may_answer.set()
        assert await part.ask(credential(2)) is ABSENT
        assert part.cache.get(DIGEST) is not None

    run(test)


def test_a_failing_source_is_told_to_every_caller_and_the_next_question_reads_again() -> None:
    async def test() -> None:
        source = Stored(record(KEY))
        part = Part(source)
        source.failure = OSError("the disk is gone")
        answers = await asyncio.gather(*(part.ask(KEY) for _ in range(3)), return_exceptions=True)
        assert [type(answer) for answer in answers] == [OSError] * 3
        assert part.cache.get(DIGEST) is None
        source.failure = None
        assert isinstance(await part.ask(KEY), Snapshot)

    run(test)


def test_changes_after_a_failed_reading_are_not_kept_for_one_that_is_over() -> None:
    async def test() -> None:
        source = Stored()
        part = Part(source)
        source.failure = OSError("the disk is gone")
        await asyncio.gather(part.ask(KEY), return_exceptions=True)
        for number in range(100):
            part.cache.apply(Change("credential", digester(credential(number)).hex(), at=5))
        assert len(part.cache._doubtful) == 0

    run(test)


def test_a_failure_is_never_remembered_as_absence() -> None:
    async def test() -> None:
        source = Stored()
        part = Part(source)
        source.failure = OSError("the disk is gone")
        await asyncio.gather(part.ask(KEY), return_exceptions=True)
        source.failure = None
        assert await part.ask(KEY) is ABSENT
        assert len(source.readings) == 2

    run(test)


def test_a_key_under_a_retired_secret_is_moved_and_then_found_without_it() -> None:
    async def test() -> None:
        source = Stored(record(KEY, under=retired_digester))
        known = await Part(source, (retired_digester,)).ask(KEY)
        assert isinstance(known, Snapshot)
        assert source.rows.keys() == {DIGEST}
        assert isinstance(await Part(source).ask(KEY), Snapshot)

    run(test)


def test_a_key_under_a_retired_secret_is_unknown_once_that_is_dropped() -> None:
    async def test() -> None:
        source = Stored(record(KEY, under=retired_digester))
        assert await Part(source).ask(KEY) is ABSENT

    run(test)


def test_a_revocation_that_passes_the_move_to_the_present_secret_is_seen() -> None:
    async def test() -> None:
        source = HeldBack(record(KEY, under=retired_digester))
        part = Part(source, (retired_digester,))
        asked = part.ask(KEY)
        await source.has_read.wait()
        old = retired_digester(KEY)
        source.rows[old] = replace(source.rows[old], revoked_at=5)
        part.cache.apply(Change("credential", old.hex(), at=5))
        source.may_answer.set()
        assert is_revoked(await asked)
        assert is_revoked(part.cache.get(DIGEST))

    run(test)


IMPORT = Change("key_format", '{"prefix":"sk_","alphabet":"base62","min_length":20,"max_length":20}', at=5)


def import_key(source: Stored) -> None:
    """Store the key as an import does: under a digest of its SHA-256."""
    old = digester.imported(KEY)
    source.rows[old] = replace(record(KEY), digest=old)


def test_an_imported_key_is_moved_at_its_first_use_and_then_found_by_one_look() -> None:
    async def test() -> None:
        source = Stored()
        part = Part(source)
        import_key(source)
        part.hear(IMPORT)
        assert isinstance(await part.ask(KEY), Snapshot)
        assert source.rows.keys() == {DIGEST}
        assert isinstance(await Part(source).ask(KEY), Snapshot)

    run(test)


def test_who_imports_the_sha256_of_a_key_that_stands_under_a_retired_secret_takes_not_its_place() -> None:
    async def test() -> None:
        source = Stored()
        imported, old = digester.imported(KEY), retired_digester(KEY)
        source.rows[imported] = replace(record(KEY), id="key_of_the_importer", digest=imported)
        source.rows[old] = record(KEY, under=retired_digester)
        part = Part(source, (retired_digester,))
        part.hear(IMPORT)
        known = await part.ask(KEY)
        assert isinstance(known, Snapshot)
        assert known.credential_id == record(KEY, under=retired_digester).id

    run(test)


def test_a_second_digest_is_looked_for_only_while_imports_wait() -> None:
    async def test() -> None:
        source = Stored()
        part = Part(source)
        await part.ask(credential(2))
        part.hear(IMPORT)
        await part.ask(credential(3))
        source.are_waiting = False
        await part.foreign.refresh(source)
        await part.ask(credential(4))
        asked = (digester(credential(2)), digester.imported(credential(3)), *map(digester, map(credential, (3, 4))))
        assert [list(reading) for reading in source.readings] == [[digest] for digest in asked]

    run(test)


def test_an_import_during_the_look_for_waiting_ones_is_not_overlooked() -> None:
    async def test() -> None:
        source = Stored()
        part = Part(source)
        part.hear(IMPORT)
        source.are_waiting = False
        looking = asyncio.ensure_future(part.foreign.refresh(HearsMeanwhile(source, part)))
        await looking
        assert part.foreign.are_waiting

    run(test)


class HearsMeanwhile:
    """A source that is read a moment before an import becomes known."""

    def __init__(self, source: Stored, part: Part) -> None:
        self._source = source
        self._part = part

    async def import_state(self) -> ImportState:
        state = await self._source.import_state()
        self._part.hear(IMPORT)
        return state


def test_a_key_imported_between_the_look_for_imports_and_the_reading_is_not_taken_for_absent() -> None:
    async def test() -> None:
        source = HeldBack()
        part = Part(source)
        part.hear(IMPORT)
        before = part.ask(KEY)
        await source.has_read.wait()
        import_key(source)
        part.hear(IMPORT)
        source.may_answer.set()
        assert await before is ABSENT
        assert isinstance(await part.ask(KEY), Snapshot)

    run(test)


def test_a_revocation_that_passes_the_first_use_of_an_imported_key_is_seen() -> None:
    async def test() -> None:
        source = HeldBack()
        part = Part(source)
        import_key(source)
        part.hear(IMPORT)
        asked = part.ask(KEY)
        await source.has_read.wait()
        old = digester.imported(KEY)
        source.rows[old] = replace(source.rows[old], revoked_at=5)
        part.hear(Change("credential", old.hex(), at=5))
        source.may_answer.set()
        assert is_revoked(await asked)
        assert is_revoked(part.cache.get(DIGEST))

    run(test)


def test_while_imports_may_have_gone_unheard_anything_may_be_a_key() -> None:
    async def test() -> None:
        source = Stored()
        foreign = ForeignKeys((digester,))
        looks = [foreign.matches]
        foreign.doubt()
        looks.append(foreign.matches)
        await foreign.refresh(source)
        looks.append(foreign.matches)
        assert [look is not None and look(b"whatever") is not None for look in looks] == [False, True, False]

    run(test)
