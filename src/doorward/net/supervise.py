"""Parents for tasks that outlive a call.

`Tasks` owns many short ones (a session's dialling, its end): none gets lost, none is forgotten at shutdown, and an
error in one is reported instead of vanishing. `supervise` keeps one long-lived task running, with back-off.
"""

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Final, Self

from doorward.base.errors import Unavailable

BACKOFF_SECONDS_MIN: Final = 0.2
BACKOFF_SECONDS_MAX: Final = 30.0
STEADY_SECONDS: Final = 60.0
"""A task that ran this long starts its back-off anew."""
CLOSE_SECONDS: Final = 5.0

Report = Callable[[str, BaseException], None]


class Tasks:
    """Tasks that nobody awaits, and their parent. `report(name, error)` is told of those that failed."""

    def __init__(self, report: Report) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self.report: Final = report

    def spawn(self, work: Coroutine[Any, Any, object], name: str) -> asyncio.Task[Any]:
        """Run it; its error goes to `report`."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def settle(self, seconds: float) -> None:
        """Wait until all have ended, at most this long."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)

    def __len__(self) -> int:
        return len(self._tasks)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_SECONDS)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.report(task.get_name(), error)


class TaskEnded(Unavailable):
    """What the process is there for has ended by itself."""

    code = "task_ended"


async def until_stopped(stop: asyncio.Event, vital: asyncio.Task[Any]) -> None:
    """Wait for `stop`. Should `vital` end before, its error is raised, or `TaskEnded`: a process that only looks alive
    is worse than one that whoever supervises it starts again."""
    stopping = asyncio.get_running_loop().create_task(stop.wait(), name="stop")
    try:
        await asyncio.wait({stopping, vital}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
    if not stop.is_set():
        vital.result()
        raise TaskEnded(f"running {vital.get_name()}: it ended by itself")


async def supervise(name: str, run: Callable[[], Coroutine[Any, Any, None]], report: Report) -> None:
    """Run `run` again and again until cancelled: with back-off, which grows while it fails quickly."""
    loop = asyncio.get_running_loop()
    backoff_seconds = BACKOFF_SECONDS_MIN
    while True:
        started = loop.time()
        task = loop.create_task(run(), name=name)
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
        if not task.cancelled() and (error := task.exception()) is not None:
            report(name, error)
        if loop.time() - started > STEADY_SECONDS:
            backoff_seconds = BACKOFF_SECONDS_MIN
        await asyncio.sleep(backoff_seconds)
        backoff_seconds = min(backoff_seconds * 2, BACKOFF_SECONDS_MAX)
