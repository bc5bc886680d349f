"""Ending the processes that a test started, by their own ids and in a known time."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path
from typing import Final

TERMINATE_SECONDS_MAX: Final = 5.0


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
