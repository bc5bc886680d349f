"""A lock for units of work that run as greenlets on the event loop's thread.

A thread's lock would stop that thread, and with it the greenlet that holds the lock: nobody would ever go on. This one
lets the loop run while it waits, so whoever holds it may query meanwhile.
"""

import asyncio
from types import TracebackType

from sqlalchemy.util import await_only


class GreenletLock:
    """To be entered inside `run_sync` only. A waiter that is cancelled leaves; the others come in their order."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    def __enter__(self) -> None:
        await_only(self._lock.acquire())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()
