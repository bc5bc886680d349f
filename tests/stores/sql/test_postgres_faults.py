"""PostgreSQL locked, full, gone or cut off: the caller is told that it is unavailable, and nothing is half stored."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from tests.support.audit_events import signed_in
from tests.support.postgres_stores import open_emptied

from doorward.base.clock import ManualClock
from doorward.base.entropy import SeededEntropy
from doorward.base.errors import Unavailable
from doorward.base.ids import UserId, new_id
from doorward.stores.sql import log_append, postgres_sequencer
from doorward.stores.sql.faults import StoreUnavailable
from doorward.stores.sql.log_append import entry_row
from doorward.stores.sql.postgres_store import PostgresStore
from doorward.stores.sql.transaction import SqlTransaction

USER = UserId(new_id(SeededEntropy(3)))
FULL = """\
CREATE FUNCTION pg_temp_full() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$
"""
FULL_TRIGGER = "CREATE TRIGGER full_disk BEFORE UPDATE ON revocation FOR EACH ROW EXECUTE FUNCTION pg_temp_full()"


@pytest.fixture
async def pg(postgres_url: str, clock: ManualClock) -> AsyncIterator[PostgresStore]:
    store = await open_emptied(postgres_url, clock, SeededEntropy(1))
    yield store
    await store.close()


@pytest.fixture
async def other(postgres_url: str) -> AsyncIterator[Any]:
    """Somebody else's connection to the same database."""
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


def advancing(tx: SqlTransaction) -> int:
    tx.events.append(signed_in(USER))
    return tx.revocation.advance()


async def test_locked_row_is_unavailable_and_nothing_is_stored(pg: PostgresStore, other: Any) -> None:
    def impatient(tx: SqlTransaction) -> int:
        tx.connection.execute(text("SET LOCAL lock_timeout = '50ms'"))
        return advancing(tx)

    async with other.transaction():
        await other.execute("SELECT epoch FROM revocation FOR UPDATE")
        with pytest.raises(StoreUnavailable):
            await pg.write(impatient)
        assert await pg.read(lambda tx: tx.revocation.current()) == 0
    assert await pg.write(advancing) == 1
    assert (await pg.log_head()).size == 1


async def test_full_disk_is_unavailable_and_nothing_is_stored(pg: PostgresStore, other: Any) -> None:
    await other.execute(FULL)
    await other.execute(FULL_TRIGGER)
    try:
        with pytest.raises(StoreUnavailable):
            await pg.write(advancing)
    finally:
        await other.execute("DROP TRIGGER full_disk ON revocation")
        await other.execute("DROP FUNCTION pg_temp_full()")
    assert (await pg.log_head()).size == 0
    assert await pg.write(advancing) == 1


async def test_connection_that_is_killed_in_a_transaction_is_unavailable(pg: PostgresStore, other: Any) -> None:
    def killed(tx: SqlTransaction) -> None:
        advancing(tx)
        tx.connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(Unavailable):
        await pg.write(killed)
    assert await other.fetchval("SELECT epoch FROM revocation") == 0
    assert await pg.write(advancing) == 1
    assert (await pg.log_head()).size == 1


async def test_sequencer_that_fails_is_started_again(pg: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was committed is numbered and answered then; what stood alone is refused, and nothing of it is stored."""
    append: Callable[..., Any] = log_append.append_rows
    failures: list[int] = []

    def failing(*arguments: Any) -> Any:
        if arguments[1] and len(failures) < 2:
            failures.append(1)
            raise RuntimeError("a mistake of ours")
        return append(*arguments)

    monkeypatch.setattr(postgres_sequencer, "append_rows", failing)
    async with asyncio.timeout(10):
        with pytest.raises(StoreUnavailable, match="nothing was stored"):
            await pg.write(lambda tx: tx.events.append(signed_in(USER)))
        assert await pg.write(advancing) == 1
        await pg.write(lambda tx: tx.events.append(signed_in(USER)))
    assert len(failures) == 2
    assert (await pg.log_head()).size == 2


async def test_what_a_crashed_authority_left_is_numbered_however_busy_the_others_are(
    pg: PostgresStore, other: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Callers whose events stand alone never make the sequencer look; it looks by itself, at most a tick later."""
    monkeypatch.setattr(postgres_sequencer, "TICK_SECONDS", 0.05)
    await pg.write(lambda tx: tx.events.append(signed_in(USER)))
    left = entry_row(signed_in(USER), SeededEntropy(9))
    columns = ", ".join(left)
    places = ", ".join(f"${place}" for place in range(1, len(left) + 1))
    await other.execute(f"INSERT INTO log_pending ({columns}) VALUES ({places})", *left.values())
    written = 1
    async with asyncio.timeout(10):
        while await other.fetchval("SELECT count(*) FROM log_pending"):
            await pg.write(lambda tx: tx.events.append(signed_in(USER)))
            written += 1
    assert (await pg.log_head()).size == written + 1
