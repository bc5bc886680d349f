"""What the SQLite store keeps when the process dies, the disk is full, or someone else holds the lock (I-8)."""

import asyncio
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.support.audit_events import signed_in
from tests.support.tidy_tree import ROOT

from doorward.authority.ports import StoredResource
from doorward.base.clock import ManualClock
from doorward.base.entropy import SeededEntropy
from doorward.base.errors import Unavailable
from doorward.base.ids import new_id
from doorward.stores.sql import sqlite_files, sqlite_readers, sqlite_writer, unit
from doorward.stores.sql.faults import StoreBusy, StoreUnavailable
from doorward.stores.sql.sqlite_files import ExposedStore
from doorward.stores.sql.sqlite_store import SqliteStore, open_sqlite
from doorward.stores.sql.transaction import SqlTransaction

ACKNOWLEDGED_MIN = 200


def work(seed: int, padding: int = 0) -> Any:
    name = new_id(SeededEntropy(seed))

    def add(tx: SqlTransaction) -> None:
        tx.resources.insert(StoredResource("node", name, name, 1, {"x": "x" * padding}, tx.now))
        tx.events.append(signed_in(name))

    return add


@pytest.mark.parametrize("run", range(2))
def test_what_was_acknowledged_survives_kill_9(database_path: Path, run: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.crashing_writer", str(database_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    acknowledged = [process.stdout.readline() for _ in range(ACKNOWLEDGED_MIN + 37 * run)]
    process.send_signal(signal.SIGKILL)
    acknowledged += process.stdout.readlines()
    process.stdout.close()
    process.wait(timeout=10)
    wanted = {line.strip().decode() for line in acknowledged if line.endswith(b"\n")}

    async def check() -> None:
        store = await open_sqlite(database_path, ManualClock(), SeededEntropy(1))
        found = {one.name for one in await store.read(lambda tx: tx.resources.list("node"))}
        report = await store.verify_log()
        await store.close()
        assert len(wanted) >= ACKNOWLEDGED_MIN
        assert wanted <= found
        assert report.is_sound
        assert report.entries == 2 * len(found)  # each with both of its events, or not there at all

    asyncio.run(check())


async def test_a_full_disk_fails_what_does_not_fit_and_keeps_the_rest(
    database_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await (await open_sqlite(database_path, ManualClock(), SeededEntropy(1))).close()
    pages = sqlite3.connect(database_path).execute("PRAGMA page_count").fetchone()[0]
    limit = (*sqlite_files._PRAGMAS, f"PRAGMA max_page_count = {pages + 12}")
    monkeypatch.setattr(sqlite_files, "_PRAGMAS", limit)
    store = await open_sqlite(database_path, ManualClock(), SeededEntropy(1))
    outcomes = await asyncio.gather(*(store.write(work(seed, 3000)) for seed in range(40)), return_exceptions=True)
    failed = [outcome for outcome in outcomes if outcome is not None]
    assert failed
    assert all(isinstance(outcome, StoreUnavailable) for outcome in failed)
    found = {one.name for one in await store.read(lambda tx: tx.resources.list("node"))}
    kept = {new_id(SeededEntropy(seed)) for seed, outcome in enumerate(outcomes) if outcome is None}
    assert found == kept
    report = await store.verify_log()
    assert report.is_sound
    assert report.entries == len(kept)
    await store.close()


async def test_a_lock_held_elsewhere_is_unavailable_and_then_passes(
    database_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pragmas = tuple(one for one in sqlite_files._PRAGMAS if "busy" not in one)
    monkeypatch.setattr(sqlite_files, "_PRAGMAS", ("PRAGMA busy_timeout = 50", *pragmas))
    store = await open_sqlite(database_path, ManualClock(), SeededEntropy(1))
    other = sqlite3.connect(database_path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    outcomes = await asyncio.gather(*(store.write(work(seed)) for seed in range(5)), return_exceptions=True)
    assert all(isinstance(outcome, StoreUnavailable) for outcome in outcomes)
    assert await store.read(lambda tx: tx.resources.list("node")) == []  # readers do not wait for writers
    other.execute("ROLLBACK")
    other.close()
    await store.write(work(7))
    assert (await store.log_head()).size == 1
    await store.close()


async def test_a_full_queue_sends_away_and_a_long_wait_is_withdrawn(
    sqlite_store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_writer, "QUEUE_UNITS_MAX", 2)
    monkeypatch.setattr(sqlite_writer, "QUEUED_SECONDS_MAX", 0.05)
    gate, begun = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def holding(tx: SqlTransaction) -> None:
        loop.call_soon_threadsafe(begun.set)
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result()

    first = asyncio.create_task(sqlite_store.write(holding))
    await begun.wait()
    waiting = [asyncio.create_task(sqlite_store.write(work(seed))) for seed in (1, 2)]
    await asyncio.sleep(0)
    with pytest.raises(StoreBusy):
        await sqlite_store.write(work(3))
    for outcome in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(outcome, StoreBusy)
    gate.set()
    await first
    await sqlite_store.write(work(4))
    assert (await sqlite_store.log_head()).size == 1  # what was withdrawn never ran


async def test_a_query_without_an_end_is_interrupted(database_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_writer, "WORK_SECONDS_MAX", -1.0)
    monkeypatch.setattr(sqlite_readers, "READ_SECONDS_MAX", -1.0)
    store = await open_sqlite(database_path, ManualClock(), SeededEntropy(1))
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    for run in (store.read, store.write):
        with pytest.raises(Unavailable):
            await run(lambda tx: tx.connection.exec_driver_sql(endless).all())
    await store.close()


async def test_a_work_that_ends_its_own_transaction_harms_nobody(sqlite_store: SqliteStore) -> None:
    def rogue(tx: SqlTransaction) -> None:
        tx.connection.exec_driver_sql("ROLLBACK")
        raise ValueError

    outcomes = await asyncio.gather(
        *(sqlite_store.write(rogue if seed == 3 else work(seed)) for seed in range(6)), return_exceptions=True
    )
    kept = sum(outcome is None for outcome in outcomes)
    assert isinstance(outcomes[3], ValueError)
    assert all(outcome is None for outcome in outcomes[4:])
    report = await sqlite_store.verify_log()
    assert report.is_sound
    assert report.entries == kept


async def test_a_closed_store_takes_nothing(database_path: Path) -> None:
    store = await open_sqlite(database_path, ManualClock(), SeededEntropy(1))
    await store.close()
    for run in (store.read, store.write):
        with pytest.raises(StoreUnavailable):
            await run(lambda tx: None)


async def test_closing_finishes_what_was_taken(database_path: Path) -> None:
    store = await open_sqlite(database_path, ManualClock(), SeededEntropy(1))
    writes = [asyncio.create_task(store.write(work(seed))) for seed in range(20)]
    await asyncio.sleep(0)
    await store.close()
    assert await asyncio.gather(*writes) == [None] * 20


async def test_nobody_else_may_read_the_files(sqlite_store: SqliteStore, database_path: Path) -> None:
    await sqlite_store.write(work(1))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in database_path.parent.iterdir()}
    assert modes == {"doorward.db": 0o600, "doorward.db-wal": 0o600, "doorward.db-shm": 0o600}
    assert stat.S_IMODE(database_path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("exposed", ["file", "directory"])
async def test_files_that_others_may_read_stop_the_start(database_path: Path, exposed: str) -> None:
    await (await open_sqlite(database_path, ManualClock(), SeededEntropy(1))).close()
    place = database_path if exposed == "file" else database_path.parent
    place.chmod(0o740)
    with pytest.raises(ExposedStore):
        await open_sqlite(database_path, ManualClock(), SeededEntropy(1))


def test_what_is_no_database_is_said_in_one_line(database_path: Path) -> None:
    database_path.parent.mkdir(mode=0o700)
    database_path.write_bytes(b"not a database, and long enough to look at" * 100)
    database_path.chmod(0o600)
    with pytest.raises(StoreUnavailable, match="using the store"):
        asyncio.run(open_sqlite(database_path, ManualClock(), SeededEntropy(1)))


async def test_a_backup_is_a_whole_store_of_its_own(sqlite_store: SqliteStore, tmp_path: Path) -> None:
    for seed in range(5):
        await sqlite_store.write(work(seed))
    target = tmp_path / "copy" / "doorward.db"
    target.parent.mkdir(mode=0o700)
    await sqlite_store.backup(target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    copy = await open_sqlite(target, ManualClock(), SeededEntropy(2))
    assert await copy.log_head() == await sqlite_store.log_head()
    assert (await copy.verify_log()).is_sound
    await copy.write(work(9))
    await copy.close()
    with pytest.raises(FileExistsError):
        await sqlite_store.backup(target)


def test_the_waits_are_bounded() -> None:
    assert 0 < unit.QUEUED_SECONDS_MAX < unit.OUTCOME_SECONDS_MAX
