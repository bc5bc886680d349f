"""Every store test runs on both engines: SQLite in a file, PostgreSQL on loopback with a database of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.postgres_stores import open_emptied

from doorward.base.clock import ManualClock
from doorward.base.entropy import SeededEntropy
from doorward.stores.sql.sqlite_store import SqliteStore, open_sqlite
from doorward.stores.sql.store import SqlStore


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
        opened = await open_emptied(request.getfixturevalue("postgres_url"), clock, SeededEntropy(1))
    yield opened
    await opened.close()
