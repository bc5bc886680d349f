"""Long-lived tasks come back; short ones are never lost."""

import asyncio

import pytest

from doorward.net import supervise as module
from doorward.net.supervise import TaskEnded, Tasks, supervise, until_stopped


async def test_a_task_that_fails_is_reported_and_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BACKOFF_SECONDS_MIN", 0.001)
    runs: list[int] = []
    problems: list[tuple[str, str]] = []
    enough = asyncio.Event()

    async def run() -> None:
        runs.append(len(runs))
        if len(runs) == 4:
            enough.set()
            await asyncio.Event().wait()
        if len(runs) == 2:
            return
        raise OSError(f"run {runs[-1]}")

    task = asyncio.create_task(supervise("job", run, lambda name, error: problems.append((name, str(error)))))
    async with asyncio.timeout(5):
        await enough.wait()
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert runs == [0, 1, 2, 3]
    assert problems == [("job", "run 0"), ("job", "run 2")]


async def test_cancelling_the_supervisor_cancels_the_task() -> None:
    ended = asyncio.Event()

    async def run() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    task = asyncio.create_task(supervise("job", run, lambda _name, _error: None))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    async with asyncio.timeout(1):
        await ended.wait()


async def test_errors_of_short_tasks_are_reported_and_all_end_with_their_parent() -> None:
    problems: list[str] = []
    ended: list[str] = []

    async def fails() -> None:
        raise OSError("broken")

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("waits")

    async with Tasks(lambda name, error: problems.append(f"{name}: {error}")) as tasks:
        tasks.spawn(fails(), "fails")
        tasks.spawn(waits(), "waits")
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(tasks) == 1
    assert (problems, ended) == (["fails: broken"], ["waits"])


async def test_a_vital_task_that_ends_ends_the_wait() -> None:
    async def fail() -> None:
        raise OSError("the listener is gone")

    async def end() -> None:
        return

    for vital, error in ((fail, OSError), (end, TaskEnded)):
        with pytest.raises(error):
            async with asyncio.timeout(5):
                await until_stopped(asyncio.Event(), asyncio.create_task(vital(), name="serve"))


async def test_a_stop_ends_the_wait_and_leaves_the_vital_task_to_its_owner() -> None:
    stop = asyncio.Event()
    vital = asyncio.create_task(asyncio.Event().wait())
    waiting = asyncio.create_task(until_stopped(stop, vital))
    await asyncio.sleep(0)
    stop.set()
    async with asyncio.timeout(5):
        await waiting
    assert not vital.done()
    vital.cancel()
