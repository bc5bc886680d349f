"""Brings what recorders wrote to the disk, each second, without holding up the event loop.

A sync that fails, fails its recorder for good: after a failed fsync the system has forgotten which pages were lost, so
trying again would lie. A disk that does not answer within `stall_seconds` fails it too.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from doorward.gateway.recorder.recorder import Recorder

SYNC_SECONDS: Final = 1.0
SYNC_THREADS: Final = 4  # file systems commit several syncs together


class Syncer:
    """One for all recorders of a gateway; `run` is a task of the gateway's task group."""

    def __init__(self, live: Callable[[], Iterable[Recorder]]) -> None:
        self._live = live
        self._threads = ThreadPoolExecutor(SYNC_THREADS, thread_name_prefix="recorder-sync")
        self._kicked = asyncio.Event()

    def kick(self) -> None:
        """Sync now rather than at the next second: a recorder outruns the disk."""
        self._kicked.set()

    async def run(self) -> None:
        """Sync each second until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    self.begin(tasks)
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(SYNC_SECONDS):
                            await self._kicked.wait()
                    self._kicked.clear()
        finally:
            self._threads.shutdown(wait=False, cancel_futures=True)

    def begin(self, tasks: asyncio.TaskGroup) -> None:
        """Start a sync of each recorder that wrote since its last one; those whose disk stalls fail."""
        for recorder in list(self._live()):
            if recorder.begin_sync():
                tasks.create_task(self._sync(recorder), name="sync a recording")

    async def _sync(self, recorder: Recorder) -> None:
        error: OSError | None = None
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, recorder.file.sync)
        except OSError as problem:
            error = problem
        recorder.end_sync(error)
