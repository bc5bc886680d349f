"""Numbering events on PostgreSQL, where transactions commit side by side.

A unit of work that changes state inserts its events into `log_pending` in its own transaction. This task then gives
every committed event its number, in batches, holding the head row, so that of several authorities one numbers at a
time; whoever comes next finds the rest. Units of work that only log come straight here and share one commit. A caller
is answered after the commit in which its events got their numbers.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, delete, select
from sqlalchemy.ext.asyncio import AsyncEngine

from doorward.stores.sql.faults import DRIVER_ERRORS, StoreBusy, StoreUnavailable, meaning
from doorward.stores.sql.log_append import LogHead, Row, append_rows, lock_head
from doorward.stores.sql.tables_log import log_pending

BATCH_EVENTS_MAX: Final = 2048  # bounds how long the head row is held
WAITING_MAX: Final = 8192
TICK_SECONDS: Final = 1.0  # events that a crashed authority left behind wait at most that long
RETRY_SECONDS: Final = 0.2

_PENDING: Final = log_pending.c
_COLUMNS: Final = tuple(column.name for column in log_pending.columns if column.name != "id")
_TAKE: Final = (
    delete(log_pending)
    .where(_PENDING.id.in_(select(_PENDING.id).order_by(_PENDING.id).limit(BATCH_EVENTS_MAX)))
    .returning(*log_pending.columns)
)


@dataclass(slots=True, eq=False)
class _Waiter:
    """A caller. `rows` are its events when nothing else was stored; else they are pending already."""

    done: asyncio.Future[None]
    rows: Sequence[Row] = field(default=())


class Sequencer:
    """Owns the numbering of this process. `run` is its task, `numbered` and `append` are for callers."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._waiting: list[_Waiter] = []
        self._take_at = 0.0  # on the loop's clock: when to look for what a crashed authority left, whoever waits
        self._wake = asyncio.Event()
        self._closing = False
        self._ended = asyncio.Event()

    async def append(self, rows: Sequence[Row]) -> None:
        """Store and number events that stand alone."""
        await self._wait(rows)

    async def numbered(self) -> None:
        """Return when every event that this process committed before is numbered."""
        await self._wait(())

    def close(self) -> None:
        """Let `run` finish what waits, and end."""
        self._closing = True
        self._wake.set()

    async def ended(self) -> None:
        """Return when `run` has ended because of `close`."""
        await self._ended.wait()

    async def run(self) -> None:
        """Number until closed. A database that is away is tried again; callers are told when they stood alone.

        Whoever runs it runs it again should it fail: what was committed before is numbered then.
        """
        self._wake.set()
        while not self._closing or self._waiting:
            try:
                async with asyncio.timeout(TICK_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            if not await self._number_batch() and not self._closing:
                await asyncio.sleep(RETRY_SECONDS)
                self._wake.set()
        self._ended.set()

    async def _wait(self, rows: Sequence[Row]) -> None:
        if self._closing:
            raise StoreUnavailable("storing events: the store is closing")
        if len(self._waiting) >= WAITING_MAX:
            raise StoreBusy("storing events: too many others wait")
        waiter = _Waiter(asyncio.get_running_loop().create_future(), rows)
        self._waiting.append(waiter)
        self._wake.set()
        try:
            await waiter.done
        finally:
            if waiter in self._waiting and not waiter.rows:
                self._waiting.remove(waiter)

    async def _number_batch(self) -> bool:
        """One batch; false when the database failed."""
        loop = asyncio.get_running_loop()
        taken: list[_Waiter] = []
        try:
            async with self._engine.begin() as connection:
                head = await connection.run_sync(lock_head)
                # Only now, so that whoever came while the lock was on its way is in this batch already.
                # A caller that gave up before its events were sent leaves nothing behind.
                taken = [waiter for waiter in self._all_waiting() if not waiter.done.done()]
                rows = [row for waiter in taken for row in waiter.rows]
                left = False
                if loop.time() >= self._take_at or not all(waiter.rows for waiter in taken):
                    self._take_at = loop.time() + TICK_SECONDS
                    left = await connection.run_sync(_number_pending, head, rows)
                else:
                    await connection.run_sync(append_rows, rows, head)
        except DRIVER_ERRORS as error:
            self._fail_alone(taken or self._all_waiting(), meaning(error))
            return False
        except BaseException:
            # A mistake of ours ends this run, and nobody may be left waiting for a batch that is gone.
            failed = StoreUnavailable("storing events: numbering them failed; nothing was stored")
            self._fail_alone(taken or self._all_waiting(), failed)
            raise
        for waiter in taken:
            if left and not waiter.rows:
                self._waiting.append(waiter)  # its events may be among those that did not fit
            elif not waiter.done.done():
                waiter.done.set_result(None)
        if left:
            self._wake.set()
        return True

    def _all_waiting(self) -> list[_Waiter]:
        taken, self._waiting = self._waiting, []
        return taken

    def _fail_alone(self, taken: Sequence[_Waiter], error: BaseException) -> None:
        for waiter in taken:
            if not waiter.rows:
                self._waiting.append(waiter)  # its events are durable and will be numbered
            elif not waiter.done.done():
                waiter.done.set_exception(error)


def _number_pending(connection: Connection, head: LogHead, rows: Sequence[Row]) -> bool:
    """Number what is pending and then `rows`; whether more may be pending. The statement has a snapshot of its own,
    so that it sees what was committed before its callers came to wait."""
    found: list[Any] = sorted(connection.execute(_TAKE), key=lambda row: row.id)
    pending: list[Row] = [{name: getattr(row, name) for name in _COLUMNS} for row in found]
    append_rows(connection, [*pending, *rows], head)
    return len(found) == BATCH_EVENTS_MAX
