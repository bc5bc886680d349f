"""Proofs of jump connections: each counts once, and is forgotten when it could not be shown again."""

from datetime import timedelta

from doorward.stores.sql.store import SqlStore
from doorward.stores.sql.transaction import SqlTransaction

FIRST, SECOND = b"f" * 32, b"s" * 32
HOUR = timedelta(hours=1)


async def test_a_proof_counts_once(store: SqlStore) -> None:
    def add(tx: SqlTransaction) -> bool:
        return tx.jumps.add(FIRST, tx.now + HOUR, tx.now)

    assert await store.write(add)
    assert not await store.write(add)
    assert await store.read(lambda tx: (tx.jumps.has(FIRST), tx.jumps.has(SECOND))) == (True, False)


async def test_what_has_run_out_is_forgotten_with_the_next_one(store: SqlStore) -> None:
    def work(tx: SqlTransaction) -> tuple[bool, bool, bool]:
        tx.jumps.add(FIRST, tx.now + HOUR, tx.now)
        tx.jumps.add(SECOND, tx.now + 3 * HOUR, tx.now + HOUR)
        return tx.jumps.has(FIRST), tx.jumps.has(SECOND), tx.jumps.add(FIRST, tx.now + 3 * HOUR, tx.now + HOUR)

    assert await store.write(work) == (False, True, True)
