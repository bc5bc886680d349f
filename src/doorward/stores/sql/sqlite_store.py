"""The store on SQLite: one writing thread, a few reading ones, one file.

`write` answers when the unit of work is durable and its events are numbered (invariant: what was acknowledged survives
a crash at any instant). Everything that fails leaves nothing behind.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Engine

from doorward.base.clock import Clock
from doorward.base.entropy import Entropy
from doorward.domain.audit.log import VerifyReport
from doorward.stores.sql.faults import DRIVER_ERRORS, meaning
from doorward.stores.sql.log_verify import verify_log
from doorward.stores.sql.migrate import migrate, newer
from doorward.stores.sql.sqlite_files import prepare_file, reading_engine, writing_engine
from doorward.stores.sql.sqlite_readers import SqliteReaders
from doorward.stores.sql.sqlite_writer import SqliteWriter
from doorward.stores.sql.store import SqlStore
from doorward.stores.sql.transaction import SqlTransaction

T = TypeVar("T")


class SqliteStore(SqlStore):
    """The store in one file. Make it with `open_sqlite`; close it once."""

    def __init__(self, path: Path, reading: Engine, writer: SqliteWriter, readers: SqliteReaders) -> None:
        self.path = path
        self._reading = reading
        self._writer = writer
        self._readers = readers

    async def read(self, work: Callable[[SqlTransaction], T]) -> T:
        """Run `work` on a snapshot; writing in it is an error."""
        result: T = await self._readers.run(work)
        return result

    async def write(self, work: Callable[[SqlTransaction], T]) -> T:
        """Run `work` as one transaction; returns when it is durable and its events are numbered."""
        result: T = await self._writer.run(work)
        return result

    async def close(self) -> None:
        """Finish what was taken, then close the file."""
        await asyncio.to_thread(self._writer.close)
        await asyncio.to_thread(self._readers.close)

    async def verify_log(self, checkpoints: Mapping[int, bytes] | None = None) -> VerifyReport:
        """Recompute the whole log on one snapshot, in a thread of its own."""
        return await asyncio.to_thread(self._verify, checkpoints)

    async def backup(self, to: Path) -> None:
        """A consistent copy while we go on (SQLite's online backup); `to` must not exist. Mode 0600."""
        await asyncio.to_thread(backup_sqlite, self.path, to)

    def _verify(self, checkpoints: Mapping[int, bytes] | None) -> VerifyReport:
        try:
            with self._reading.connect() as connection, connection.begin():
                return verify_log(connection, checkpoints)
        except DRIVER_ERRORS as error:
            raise meaning(error) from error


async def open_sqlite(path: Path, clock: Clock, entropy: Entropy) -> SqliteStore:
    """Open the file, make or migrate its tables, and start its threads.

    `ExposedStore` when others may read it, `NewerTables` when a newer version made it, `Unavailable` when it is locked.
    """
    return await asyncio.to_thread(_open, path, clock, entropy)


def backup_sqlite(path: Path, to: Path) -> None:
    """Copy the database at `path` page by page; `FileExistsError` when `to` is there."""
    to.touch(mode=0o600, exist_ok=False)
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)


def _open(path: Path, clock: Clock, entropy: Entropy) -> SqliteStore:
    try:
        prepare_file(path)
        writing = writing_engine(path)
        with writing.connect() as connection, connection.begin():
            migrated = newer(*migrate(connection))
    except DRIVER_ERRORS as error:
        raise meaning(error) from error
    reading = reading_engine(path)
    turn = threading.Lock()  # units of work run in threads here
    writer = SqliteWriter(writing, clock, entropy, turn)
    writer.start()
    store = SqliteStore(path, reading, writer, SqliteReaders(reading, clock, turn))
    store.migrated = migrated
    return store
