"""Turns: users one after the other, however many sessions each has."""

import asyncio

import pytest

from doorward.gateway.turns import Turns


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_users_are_served_in_turn_and_each_ones_sessions_in_their_order() -> None:
    turns, served = Turns(at_once=1), list[str]()
    is_free = asyncio.Event()

    async def hold() -> None:
        async with turns.of("first"):
            await is_free.wait()

    async def send(user: str, name: str) -> None:
        async with turns.of(user):
            served.append(name)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(hold())
        await settle()
        for number in range(4):
            tasks.create_task(send("eve", f"eve-{number}"))
        await settle()
        tasks.create_task(send("bob", "bob-0"))
        tasks.create_task(send("ann", "ann-0"))
        await settle()
        is_free.set()
    assert served == ["eve-0", "bob-0", "ann-0", "eve-1", "eve-2", "eve-3"]


async def test_no_more_than_so_many_are_inside_at_once() -> None:
    turns, inside, most = Turns(at_once=3), 0, 0

    async def send(number: int) -> None:
        nonlocal inside, most
        async with turns.of(str(number % 4)):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    async with asyncio.TaskGroup() as tasks:
        for number in range(40):
            tasks.create_task(send(number))
    assert (most, inside) == (3, 0)


@pytest.mark.parametrize("is_handed_over", [False, True])
async def test_who_gives_up_waiting_takes_nobodys_turn(is_handed_over: bool) -> None:
    turns, is_free, served = Turns(at_once=1), asyncio.Event(), list[str]()

    async def hold() -> None:
        async with turns.of("first"):
            await is_free.wait()

    async def send(user: str) -> None:
        async with turns.of(user):
            served.append(user)

    holding = asyncio.create_task(hold())
    await settle()
    leaving, staying = asyncio.create_task(send("eve")), asyncio.create_task(send("bob"))
    await settle()
    if is_handed_over:
        is_free.set()
        await asyncio.sleep(0)  # eve's turn has come, and she has not run yet
    leaving.cancel()
    await asyncio.wait({leaving})
    is_free.set()
    async with asyncio.timeout(5):
        await staying
        await send("carol")
        await holding
    assert served == ["bob", "carol"]


async def test_an_error_inside_passes_the_turn_on() -> None:
    turns = Turns(at_once=1)
    with pytest.raises(ValueError, match="inside"):
        async with turns.of("bob"):
            raise ValueError("inside")
    async with asyncio.timeout(5), turns.of("eve"):
        pass
