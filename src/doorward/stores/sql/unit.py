"""One unit of work on its way through the store: who waits for it, and what came of it."""

import asyncio
from collections.abc import Callable
from enum import Enum
from types import TracebackType
from typing import Any, Final

from doorward.stores.sql.faults import StoreBusy, meaning
from doorward.stores.sql.transaction import SqlTransaction

QUEUED_SECONDS_MAX: Final = 10.0  # not begun by then: withdrawn, nothing stored
OUTCOME_SECONDS_MAX: Final = 20.0  # begun, but the disk does not answer: the outcome is unknown


class Stage(Enum):
    """Where a unit stands; moved only under the queue's lock."""

    QUEUED = 1
    TAKEN = 2
    WITHDRAWN = 3


class Capture:
    """A block whose exception is kept for the one who waits, instead of ending the thread that serves everyone."""

    __slots__ = ("error",)

    def __init__(self) -> None:
        self.error: BaseException | None = None

    def __enter__(self) -> "Capture":
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: TracebackType | None) -> bool:
        self.error = error
        return error is not None


class Unit:
    """A unit of work, its caller's future, and its outcome until the batch is committed."""

    __slots__ = ("error", "future", "loop", "result", "stage", "work")

    def __init__(self, work: Callable[[SqlTransaction], Any], loop: asyncio.AbstractEventLoop) -> None:
        self.work = work
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.stage = Stage.QUEUED
        self.result: Any = None
        self.error: BaseException | None = None

    def fail(self, error: BaseException) -> None:
        """Keep why it failed."""
        self.result = None
        self.error = meaning(error)

    def settle(self) -> None:
        """Tell the caller; on its own loop. A caller that is gone is not told."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)

    def give_up(self, message: str) -> None:
        """Stop the caller's waiting; on its own loop."""
        if not self.future.done():
            self.future.set_exception(StoreBusy(message))


def settle_all(units: list[Unit]) -> None:
    """Tell every caller, each on its own loop, one wake-up a loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Unit]] = {}
    for unit in units:
        by_loop.setdefault(unit.loop, []).append(unit)
    for loop, theirs in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle_on_loop, theirs)


def _settle_on_loop(units: list[Unit]) -> None:
    for unit in units:
        unit.settle()
