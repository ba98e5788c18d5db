"""The loop that travels: waiting takes no time, threads hold it back, and nothing waits for ever."""

from __future__ import annotations

import asyncio
import time

import pytest

from purista.simulation.loop import Stuck, TimeLoop, travel


def test_a_year_of_sleep_takes_no_time() -> None:
    async def main() -> float:
        await asyncio.sleep(365 * 86_400)
        return asyncio.get_running_loop().time()

    begin = time.perf_counter()
    assert travel(main()) == pytest.approx(365 * 86_400)
    assert time.perf_counter() - begin < 5


def test_timers_of_many_tasks_run_in_their_order() -> None:
    seen: list[tuple[str, float]] = []

    async def tick(name: str, every: float) -> None:
        for _ in range(3):
            await asyncio.sleep(every)
            seen.append((name, asyncio.get_running_loop().time()))

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 2.5)
        await asyncio.gather(tick("slow", 2), tick("fast", 1))

    travel(main())
    assert seen == [
        ("fast", 3.5), ("slow", 4.5), ("fast", 4.5), ("fast", 5.5), ("slow", 6.5), ("slow", 8.5),
    ]  # fmt: skip


def test_time_stands_still_while_a_thread_works() -> None:
    async def main() -> float:
        ticking = asyncio.create_task(asyncio.sleep(0.001))
        await asyncio.to_thread(time.sleep, 0.05)
        at = asyncio.get_running_loop().time()
        await ticking
        return at

    assert travel(main()) == 0


def test_a_thread_that_waits_for_time_does_not_stop_it_for_ever() -> None:
    """A sync handler that runs until it is told to stop: after a second of real time, time goes on."""
    import threading

    told = threading.Event()

    async def main() -> None:
        asyncio.get_running_loop().call_later(10, told.set)
        await asyncio.to_thread(told.wait)

    begin = time.perf_counter()
    travel(main())
    assert 0.5 < time.perf_counter() - begin < 5


def test_who_would_wait_for_ever_is_told() -> None:
    with pytest.raises(Stuck, match="wait for ever"):
        travel(asyncio.Event().wait())


def test_quiet_is_when_nothing_is_left_to_do_at_this_instant() -> None:
    done: list[int] = []

    async def steps() -> None:
        for number in range(100):
            await asyncio.sleep(0)
            done.append(number)
        await asyncio.sleep(1)
        done.append(-1)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, TimeLoop)
        task = asyncio.create_task(steps())
        await loop.quiet()
        assert (len(done), loop.time()) == (100, 0)
        await task

    travel(main())
