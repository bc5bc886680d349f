"""Every store test runs on both engines: SQLite in a file, PostgreSQL on loopback with a database of its own."""

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.support.postgres import Postgres

from doorward.base.clock import ManualClock
from doorward.base.entropy import SeededEntropy
from doorward.stores.sql.postgres_store import open_postgres
from doorward.stores.sql.sqlite_store import SqliteStore, open_sqlite
from doorward.stores.sql.store import SqlStore

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for all tests of this process."""
    with Postgres() as server:
        yield server


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
        server: Postgres = request.getfixturevalue("postgres")
        url = server.create_database(f"test{next(_numbers)}")
        opened = await open_postgres(url, clock, SeededEntropy(1), database_time=False)
    yield opened
    await opened.close()
