"""Reading from SQLite: a few threads, each with a connection of its own that can not write.

WAL gives every reading unit of work a snapshot that the writer does not disturb. A query that takes too long is
interrupted; more than `WAITING_MAX` callers are sent away.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, cast

from sqlalchemy import Connection, Engine

from doorward.base.clock import Clock
from doorward.stores.sql.faults import StoreBusy, StoreUnavailable, meaning
from doorward.stores.sql.log_append import NoEvents
from doorward.stores.sql.transaction import SqlTransaction, Turn
from doorward.stores.sql.unit import Capture

THREADS: Final = 4
WAITING_MAX: Final = 4096
READ_SECONDS_MAX: Final = 5.0
PROGRESS_STEPS: Final = 20_000


class SqliteReaders:
    """Runs reading units of work. `close` waits for those that run."""

    def __init__(self, engine: Engine, clock: Clock, turn: Turn) -> None:
        self._engine = engine
        self._clock = clock
        self._turn = turn
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="sqlite reader")
        self._local = threading.local()
        self._open: list[Connection] = []
        self._waiting = 0
        self._closed = False

    async def run(self, work: Callable[[SqlTransaction], Any]) -> Any:
        """What `work` returns from one snapshot; its own exception, or `Unavailable`."""
        if self._closed:
            raise StoreUnavailable("reading: the store is closing")
        if self._waiting >= WAITING_MAX:
            raise StoreBusy("reading: too many others wait")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, work)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Wait for what runs, then let the connections go. Blocks: call it in a thread."""
        self._closed = True
        self._threads.shutdown(wait=True)
        for connection in self._open:
            connection.close()

    def _read(self, work: Callable[[SqlTransaction], Any]) -> Any:
        result: Any = None
        with Capture() as outcome:
            connection = self._connection()
            self._local.until = self._clock.elapsed_seconds() + READ_SECONDS_MAX
            with connection.begin() as snapshot:
                result = work(SqlTransaction(connection, self._clock.now(), NoEvents(), self._turn))
                snapshot.rollback()
        if outcome.error is not None:
            raise meaning(outcome.error)
        return result

    def _connection(self) -> Connection:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._engine.connect()
            raw = cast("sqlite3.Connection", connection.connection.dbapi_connection)
            raw.set_progress_handler(self._is_overdue, PROGRESS_STEPS)
            self._local.connection = connection
            self._open.append(connection)
        return connection

    def _is_overdue(self) -> bool:
        return bool(self._clock.elapsed_seconds() > self._local.until)
