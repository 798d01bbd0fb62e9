"""The runner of the jobs: turns at intervals, a last one at the end, none cut off in the middle."""

import asyncio

from wayvo.jobs.runner import Job, running

NEVER = 3600.0


def test_every_job_has_a_last_turn_at_the_end() -> None:
    turns: list[str] = []

    async def step() -> None:
        turns.append("turn")

    async def main() -> None:
        async with running([Job("never due", NEVER, step)]):
            await asyncio.sleep(0)
            assert turns == []
        assert turns == ["turn"]

    asyncio.run(main())


def test_a_job_goes_on_at_its_intervals_though_a_turn_fails() -> None:
    turns = 0
    enough = asyncio.Event()

    async def step() -> None:
        nonlocal turns
        turns += 1
        if turns == 3:
            enough.set()
        raise RuntimeError("this turn fails")

    async def main() -> None:
        async with running([Job("often due", 0.001, step)]):
            await asyncio.wait_for(enough.wait(), 30)

    asyncio.run(main())
    assert turns >= 4  # the last one too


def test_a_turn_that_is_under_way_at_the_end_is_finished_and_followed_by_the_last() -> None:
    done: list[str] = []
    begun, may_go_on = asyncio.Event(), asyncio.Event()

    async def step() -> None:
        begun.set()
        await may_go_on.wait()
        done.append("whole")

    async def main() -> None:
        async with running([Job("slow", 0.001, step)]):
            await asyncio.wait_for(begun.wait(), 30)
            asyncio.get_running_loop().call_soon(may_go_on.set)
        assert done == ["whole", "whole"]

    asyncio.run(main())
