"""The one thread that writes to SQLite: takes what waits, runs it in one transaction, commits once.

Each unit of work runs in a savepoint of its own, so that its failure undoes nothing else. The events of all that
succeeded get their numbers just before the commit, and callers are answered just after it: what was acknowledged is
numbered and durable. A failed commit fails all of the batch. The queue is bounded, and so is every wait.
"""

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

from sqlalchemy import Connection, Engine

from doorward.base.clock import Clock
from doorward.base.entropy import Entropy
from doorward.stores.sql.faults import StoreBusy, StoreUnavailable
from doorward.stores.sql.log_append import StagedEvents, append_rows
from doorward.stores.sql.transaction import SqlTransaction, Turn
from doorward.stores.sql.unit import OUTCOME_SECONDS_MAX, QUEUED_SECONDS_MAX, Capture, Stage, Unit, settle_all

QUEUE_UNITS_MAX: Final = 4096  # more than that waits for longer than a caller would
BATCH_UNITS_MAX: Final = 256  # bounds how long the first of a batch waits for the last
WORK_SECONDS_MAX: Final = 5.0  # a unit of work that computes longer in the database is a mistake
PROGRESS_STEPS: Final = 20_000  # how often SQLite asks whether to go on: about every millisecond


class SqliteWriter:
    """Owns the writing connection. `submit` from any loop; `close` finishes what is queued."""

    def __init__(self, engine: Engine, clock: Clock, entropy: Entropy, turn: Turn) -> None:
        self._engine = engine
        self._clock = clock
        self._entropy = entropy
        self._turn = turn
        self._queue: deque[Unit] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._serve, name="sqlite writer", daemon=True)
        self._connection: Connection | None = None
        self._work_until = 0.0

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def close(self) -> None:
        """Take nothing more, finish what is queued, and wait for it. Blocks: call it in a thread."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()

    async def run(self, work: Callable[[SqlTransaction], Any]) -> Any:
        """What `work` returns, once that is durable; its own exception, or `Unavailable` with nothing stored."""
        loop = asyncio.get_running_loop()
        unit = Unit(work, loop)
        with self._wake:
            if self._closing:
                raise StoreUnavailable("storing a change: the store is closing")
            if len(self._queue) >= QUEUE_UNITS_MAX:
                raise StoreBusy("storing a change: too many others wait")
            self._queue.append(unit)
            self._wake.notify()
        deadline = loop.call_later(QUEUED_SECONDS_MAX, self._lapse, unit)
        try:
            return await unit.future
        finally:
            deadline.cancel()
            self._withdraw(unit)  # a caller that was cancelled leaves nothing behind, unless it had begun

    def _withdraw(self, unit: Unit) -> bool:
        with self._wake:
            if unit.stage is Stage.QUEUED:
                unit.stage = Stage.WITHDRAWN
                self._queue.remove(unit)
        return unit.stage is Stage.WITHDRAWN

    def _lapse(self, unit: Unit) -> None:
        if self._withdraw(unit):
            unit.give_up("storing a change: it waited too long; nothing was stored")
        else:
            # It is being written. Only the disk decides now, and saying "not stored" could be a lie.
            unit.loop.call_later(
                OUTCOME_SECONDS_MAX, unit.give_up, "storing a change: the disk does not answer; the outcome is unknown"
            )

    def _serve(self) -> None:
        while True:
            batch = self._take()
            if batch is None:
                break
            while batch:
                done = self._run_batch(batch)
                settle_all(batch[:done])
                batch = batch[done:]
        self._disconnect()

    def _take(self) -> list[Unit] | None:
        with self._wake:
            while not self._queue and not self._closing:
                self._wake.wait()
            if not self._queue:
                return None
            batch: list[Unit] = []
            while self._queue and len(batch) < BATCH_UNITS_MAX:
                unit = self._queue.popleft()
                unit.stage = Stage.TAKEN
                batch.append(unit)
            return batch

    def _run_batch(self, batch: Sequence[Unit]) -> int:
        """Run units from the front in one transaction; how many have their outcome now (at least one)."""
        ran = 0
        self._allow_work()
        with Capture() as whole:
            connection = self._connected()
            with connection.begin():
                events = StagedEvents(self._entropy)
                raw = cast("sqlite3.Connection", connection.connection.dbapi_connection)
                for unit in batch:
                    ran += 1
                    self._run_unit(unit, connection, raw, events)
                self._allow_work()
                append_rows(connection, events.rows)
        if whole.error is None:
            return ran
        # A lost batch undid what ran; the rest gets another try. When begin or commit failed (the lock, the disk), the
        # rest would fare no better, and a fresh connection may.
        failed = ran if isinstance(whole.error, _BatchLost) else len(batch)
        for unit in batch[:failed]:
            if unit.error is None:
                unit.fail(whole.error)
        self._disconnect()
        return failed

    def _run_unit(self, unit: Unit, connection: Connection, raw: sqlite3.Connection, events: StagedEvents) -> None:
        staged = len(events.rows)
        self._allow_work()
        raw.execute("SAVEPOINT unit")
        with Capture() as outcome:
            unit.result = unit.work(SqlTransaction(connection, self._clock.now(), events, self._turn))
        if outcome.error is None:
            raw.execute("RELEASE unit")
            return
        unit.fail(outcome.error)
        del events.rows[staged:]
        if not raw.in_transaction:
            # Full disk, I/O error and the like end the whole transaction inside SQLite, earlier units included.
            raise _BatchLost("running a unit of work: the database undid the whole batch") from outcome.error
        raw.execute("ROLLBACK TO unit")
        raw.execute("RELEASE unit")

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
            raw = cast("sqlite3.Connection", self._connection.connection.dbapi_connection)
            raw.set_progress_handler(self._is_overdue, PROGRESS_STEPS)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None

    def _allow_work(self) -> None:
        self._work_until = self._clock.elapsed_seconds() + WORK_SECONDS_MAX

    def _is_overdue(self) -> bool:
        return self._clock.elapsed_seconds() > self._work_until


class _BatchLost(StoreUnavailable):
    """The database rolled back by itself: every unit that ran in this transaction is undone."""
