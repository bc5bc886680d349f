"""Ending the processes that a test started, by their own ids and in a known time."""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

TERMINATE_SECONDS_MAX: Final = 5.0
UNTIL_SECONDS_MAX: Final = 15.0
_LOOK_EACH_SECONDS: Final = 0.02


def children_of(pid: int) -> list[int]:
    """The live descendants of `pid`, nearest first, as the kernel lists them."""
    found: list[int] = []
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in (int(text) for text in listing.read_text().split()):
                found.append(child)
                found.extend(children_of(child))
    return found


def end(process: subprocess.Popen[bytes], *, how: signal.Signals = signal.SIGTERM) -> int:
    """End `process` and what it started, wait for it, and return its exit status."""
    if process.poll() is None:
        descendants = children_of(process.pid)
        process.send_signal(how)
        try:
            process.wait(TERMINATE_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
        for pid in descendants:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
    return process.wait(TERMINATE_SECONDS_MAX)


def wait_for(condition: Callable[[], object], seconds: float = UNTIL_SECONDS_MAX) -> None:
    """Return when `condition` holds; what it waits for happens in another process. AssertionError when time is up."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(_LOOK_EACH_SECONDS)


async def until(condition: Callable[[], object], seconds: float = UNTIL_SECONDS_MAX) -> None:
    """The same for tests whose own loop must go on meanwhile."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(_LOOK_EACH_SECONDS)
