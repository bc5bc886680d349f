"""One ring wakes everyone who waits, and nobody waits for ever."""

import asyncio

from doorward.authority.bell import Bell


async def test_ring_wakes_all_who_wait() -> None:
    bell = Bell()
    waiting = [asyncio.create_task(bell.wait(60)) for _ in range(20)]
    await asyncio.sleep(0)
    bell.ring()
    async with asyncio.timeout(1):
        for one in waiting:
            await one


async def test_who_waits_later_waits_for_the_next_ring() -> None:
    bell = Bell()
    bell.ring()
    waiting = asyncio.create_task(bell.wait(60))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not waiting.done()
    bell.ring()
    async with asyncio.timeout(1):
        await waiting


async def test_without_a_ring_waiting_ends_by_itself() -> None:
    async with asyncio.timeout(1):
        await Bell().wait(0.01)


async def test_cancelled_waiter_stays_cancelled() -> None:
    waiting = asyncio.create_task(Bell().wait(60))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled()


async def test_news_of_an_epoch_rings_once() -> None:
    bell = Bell()
    for epoch, wakes in ((3, True), (3, False), (2, False), (4, True)):
        waiting = asyncio.create_task(bell.wait(60))
        await asyncio.sleep(0)
        bell.heard(epoch)
        for _ in range(10):
            await asyncio.sleep(0)
        assert waiting.done() is wakes
        waiting.cancel()
