"""Every store test runs on both engines: SQLite in a file, PostgreSQL on loopback with a database of its own."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, text
from tests.support.postgres import Postgres

from doorward.base.clock import ManualClock
from doorward.base.entropy import SeededEntropy
from doorward.domain.audit.merkle import EMPTY_ROOT
from doorward.stores.sql.postgres_store import open_postgres
from doorward.stores.sql.sqlite_store import SqliteStore, open_sqlite
from doorward.stores.sql.store import SqlStore
from doorward.stores.sql.tables import counters, metadata, revocation
from doorward.stores.sql.tables_log import log_head
from doorward.stores.sql.transaction import SqlTransaction


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for all tests of this process."""
    with Postgres() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_url(postgres: Postgres) -> str:
    """One database, emptied before each test: migrating it anew takes longer than most tests."""
    return postgres.create_database("doorward_test")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def database_path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "doorward.db"


@pytest.fixture
async def sqlite_store(database_path: Path, clock: ManualClock) -> AsyncIterator[SqliteStore]:
    store = await open_sqlite(database_path, clock, SeededEntropy(1))
    yield store
    await store.close()


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, database_path: Path, clock: ManualClock) -> AsyncIterator[SqlStore]:
    """A fresh store on each engine; `clock` is its time."""
    opened: SqlStore
    if request.param == "sqlite":
        opened = await open_sqlite(database_path, clock, SeededEntropy(1))
    else:
        opened = await open_postgres(
            request.getfixturevalue("postgres_url"), clock, SeededEntropy(1), database_time=False
        )
        await opened.write(_empty)
    yield opened
    await opened.close()


def _empty(tx: SqlTransaction) -> None:
    """As the first migration leaves it. TRUNCATE passes by the triggers that keep rows."""
    names = ", ".join(table.name for table in metadata.sorted_tables)
    tx.connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY"))
    tx.connection.execute(insert(revocation).values(id=1, epoch=0))
    tx.connection.execute(insert(counters).values(name="resources", value=0))
    tx.connection.execute(insert(log_head).values(id=1, size=0, frontier=b"", root=EMPTY_ROOT, last_at_micros=0))
