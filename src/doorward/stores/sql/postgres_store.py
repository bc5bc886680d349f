"""The store on PostgreSQL: units of work side by side, one sequencer for their events.

A unit of work is the same plain function as on SQLite; SQLAlchemy runs it in a greenlet, so that its statements wait
without blocking the loop. One that only logs never takes a connection: its events share the sequencer's next commit.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, Final, NoReturn, TypeVar

import structlog
from sqlalchemy import Connection, NullPool, func, insert, select
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from doorward.base.clock import EPOCH, Clock, from_micros
from doorward.base.entropy import Entropy
from doorward.domain.audit.log import VerifyReport
from doorward.net.supervise import supervise
from doorward.stores.sql.faults import DRIVER_ERRORS, StoreBusy, is_retried, meaning
from doorward.stores.sql.greenlet_lock import GreenletLock
from doorward.stores.sql.log_append import NoEvents, StagedEvents
from doorward.stores.sql.log_verify import verify_log
from doorward.stores.sql.migrate import migrate, newer, take_lock
from doorward.stores.sql.postgres_sequencer import Sequencer
from doorward.stores.sql.store import SqlStore
from doorward.stores.sql.tables_log import log_pending
from doorward.stores.sql.transaction import SqlTransaction, Turn

T = TypeVar("T")
_log = structlog.get_logger("doorward.store")

CONNECTIONS_MAX: Final = 16
STATEMENT_MILLISECONDS: Final = 5_000
UNIT_SECONDS_MAX: Final = 15.0
TRIES_MAX: Final = 5  # serialization failures and deadlocks; more means something else is wrong
WAITING_MAX: Final = 4096

_SNAPSHOT: Final = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
_INSERT_PENDING: Final = insert(log_pending)
# Whole microseconds from the database's own clock, which all authorities share.
_DATABASE_MICROS: Final = select(func.floor(func.extract("epoch", func.clock_timestamp()) * 1_000_000))


class PostgresStore(SqlStore):
    """The store in a PostgreSQL database. Make it with `open_postgres`; close it once."""

    def __init__(self, url: str, engine: AsyncEngine, clock: Clock, entropy: Entropy, *, database_time: bool) -> None:
        self._url = url
        self._engine = engine
        self._clock = clock
        self._entropy = entropy
        self._database_time = database_time
        self._waiting = 0
        self._turn = GreenletLock()
        self._sequencer = Sequencer(engine)
        self._numbering = asyncio.create_task(
            supervise("log sequencer", self._sequencer.run, _report), name="keep log sequencer"
        )

    async def read(self, work: Callable[[SqlTransaction], T]) -> T:
        """Run `work` on a snapshot; writing in it is an error."""
        return await self._within_limits(self._read(work))

    async def write(self, work: Callable[[SqlTransaction], T]) -> T:
        """Run `work` as one transaction; returns when it is durable and its events are numbered."""
        return await self._within_limits(self._write(work))

    async def verify_log(self, checkpoints: Mapping[int, bytes] | None = None) -> VerifyReport:
        """Recompute the whole log on one snapshot, on a loop of its own in a thread."""
        return await asyncio.to_thread(lambda: asyncio.run(_verify(self._url, checkpoints)))

    async def close(self) -> None:
        """Number what waits, then disconnect."""
        self._sequencer.close()
        async with asyncio.timeout(UNIT_SECONDS_MAX):
            await self._sequencer.ended()
        self._numbering.cancel()
        await asyncio.wait([self._numbering])
        await self._engine.dispose()

    async def _within_limits(self, running: Coroutine[Any, Any, T]) -> T:
        if self._waiting >= WAITING_MAX:
            running.close()
            raise StoreBusy("using the store: too many others wait")
        self._waiting += 1
        try:
            async with asyncio.timeout(UNIT_SECONDS_MAX):
                return await running
        except (TimeoutError, PoolTimeoutError) as error:
            raise StoreBusy("using the store: it took too long; the outcome is unknown") from error
        except DRIVER_ERRORS as error:
            raise meaning(error) from error
        finally:
            self._waiting -= 1

    async def _read(self, work: Callable[[SqlTransaction], T]) -> T:
        async with self._engine.connect() as connection:
            snapshot = await connection.execution_options(**_SNAPSHOT)
            return await snapshot.run_sync(lambda inner: work(self._transaction(inner, NoEvents())))

    async def _write(self, work: Callable[[SqlTransaction], T]) -> T:
        events = StagedEvents(self._entropy)
        try:
            result = work(_WithoutConnection(self._clock.now(), events, self._turn))
        except _ConnectionNeededError:
            result, events = await self._transact(work)
            if events.rows:
                await self._sequencer.numbered()
        else:
            if events.rows:
                await self._sequencer.append(events.rows)
        return result

    async def _transact(self, work: Callable[[SqlTransaction], T]) -> tuple[T, StagedEvents]:
        for attempt in range(1, TRIES_MAX + 1):
            events = StagedEvents(self._entropy)
            try:
                async with self._engine.begin() as connection:
                    result = await connection.run_sync(self._run, work, events)
            except DRIVER_ERRORS as error:
                if attempt == TRIES_MAX or not is_retried(error):
                    raise
            else:
                return result, events
        raise AssertionError("the last try returned or raised")

    def _run(self, connection: Connection, work: Callable[[SqlTransaction], T], events: StagedEvents) -> T:
        result = work(self._transaction(connection, events))
        if events.rows:
            connection.execute(_INSERT_PENDING, events.rows)
        return result

    def _transaction(self, connection: Connection, events: StagedEvents | NoEvents) -> SqlTransaction:
        if self._database_time:
            return _DatabaseTimed(connection, EPOCH, events, self._turn)
        return SqlTransaction(connection, self._clock.now(), events, self._turn)


class _DatabaseTimed(SqlTransaction):
    """A transaction whose instant is the database's, asked for once and only when someone looks."""

    @cached_property
    def now(self) -> datetime:
        """One instant for the whole unit of work."""
        return from_micros(int(self.connection.execute(_DATABASE_MICROS).scalar_one()))


class _ConnectionNeededError(BaseException):
    """The unit of work does more than logging. Not an `Exception`, so that no unit of work catches it."""


class _WithoutConnection(SqlTransaction):
    """What a unit of work gets first: if staging events is all that it does, a connection is never taken."""

    def __init__(self, now: datetime, events: StagedEvents, turn: Turn) -> None:
        self._now = now
        self._events = events
        self._turn = turn

    @property
    def connection(self) -> NoReturn:  # type: ignore[override]
        """Always `_ConnectionNeededError`: the unit is run again, in a transaction."""
        raise _ConnectionNeededError


async def open_postgres(url: str, clock: Clock, entropy: Entropy, *, database_time: bool = True) -> PostgresStore:
    """Connect to `postgresql://...`, make or migrate the tables, start the sequencer.

    The instant of a unit of work that reads or changes state is the database's, which all authorities share; with
    `database_time=False` it is the clock's, for tests.
    """
    driver_url = url.replace("postgresql://", "postgresql+asyncpg://", 1)
    engine = create_async_engine(
        driver_url,
        pool_size=CONNECTIONS_MAX,
        max_overflow=0,
        pool_timeout=UNIT_SECONDS_MAX,
        pool_pre_ping=False,
        connect_args={"timeout": 5, "server_settings": _SERVER_SETTINGS},
    )
    try:
        async with engine.begin() as connection:
            migrated = await connection.run_sync(_migrate)
    except (*DRIVER_ERRORS, TimeoutError) as error:
        await engine.dispose()
        raise meaning(error) from error
    store = PostgresStore(driver_url, engine, clock, entropy, database_time=database_time)
    store.migrated = migrated
    return store


def _report(name: str, error: BaseException) -> None:
    _log.error("a task failed and is started again", task=name, error=repr(error))


_SERVER_SETTINGS: Final = {
    "application_name": "doorward",
    "statement_timeout": str(STATEMENT_MILLISECONDS),
    "lock_timeout": str(STATEMENT_MILLISECONDS),
    "idle_in_transaction_session_timeout": str(2 * STATEMENT_MILLISECONDS),
}


def _migrate(connection: Connection) -> tuple[str, str] | None:
    take_lock(connection)
    return newer(*migrate(connection))


async def _verify(url: str, checkpoints: Mapping[int, bytes] | None) -> VerifyReport:
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            snapshot = await connection.execution_options(**_SNAPSHOT)
            return await snapshot.run_sync(verify_log, checkpoints)
    except DRIVER_ERRORS as error:
        raise meaning(error) from error
    finally:
        await engine.dispose()
