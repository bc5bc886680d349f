"""Jump connections: each proof counts once, and what lives where is known until it is closed or cut."""

from datetime import timedelta

from tests.support.stored_values import GATEWAY, OTHER_USER, USER

from doorward.base.ids import GatewayId, SignInId
from doorward.domain.sessions.jumps import JumpCut, JumpRecord, LiveJumps
from doorward.stores.sql.store import SqlStore
from doorward.stores.sql.transaction import SqlTransaction

FIRST, SECOND, THIRD = b"f" * 32, b"s" * 32, b"t" * 32
HOUR = timedelta(hours=1)
SIGN_IN, OTHER_SIGN_IN = SignInId("s" * 26), SignInId("o" * 26)
ELSEWHERE = GatewayId("e" * 26)
MINE = LiveJumps(GATEWAY, USER, SIGN_IN, 1)


def added(
    tx: SqlTransaction, digest: bytes = FIRST, *, hours: int = 1, passed: int = 0, whose: LiveJumps = MINE
) -> bool:
    now = tx.now + passed * HOUR
    record = JumpRecord(digest, whose.gateway_id, whose.user_id, whose.sign_in_id, now, tx.now + hours * HOUR)
    return tx.jumps.add(record, now)


async def test_a_proof_counts_once(store: SqlStore) -> None:
    assert await store.write(added)
    assert not await store.write(added)
    assert await store.read(lambda tx: (tx.jumps.has(FIRST), tx.jumps.has(SECOND))) == (True, False)


async def test_what_has_run_out_is_forgotten_with_the_next_one(store: SqlStore) -> None:
    def work(tx: SqlTransaction) -> tuple[bool, bool, bool]:
        added(tx)
        added(tx, SECOND, hours=3, passed=1)
        return tx.jumps.has(FIRST), tx.jumps.has(SECOND), added(tx, hours=3, passed=1)

    assert await store.write(work) == (False, True, True)


async def test_the_live_ones_are_counted_by_gateway_and_sign_in(store: SqlStore) -> None:
    other = LiveJumps(ELSEWHERE, OTHER_USER, OTHER_SIGN_IN, 1)

    def work(tx: SqlTransaction) -> tuple[object, object, object]:
        added(tx)
        added(tx, SECOND, hours=3)
        added(tx, THIRD, whose=other)
        return tx.jumps.live(tx.now), tx.jumps.live(tx.now + 2 * HOUR), tx.jumps.live_of_gateway(ELSEWHERE)

    all_of_them, later, elsewhere = await store.write(work)
    two = LiveJumps(GATEWAY, USER, SIGN_IN, 2)
    assert sorted(map(repr, all_of_them)) == sorted(map(repr, (two, other)))  # type: ignore[call-overload]
    assert later == [MINE]
    assert list(elsewhere) == [THIRD.hex()]  # type: ignore[call-overload]


async def test_what_was_closed_is_not_live_and_its_proof_is_spent_all_the_same(store: SqlStore) -> None:
    def work(tx: SqlTransaction) -> None:
        added(tx)
        added(tx, SECOND)
        tx.jumps.end([])
        tx.jumps.end([FIRST.hex(), "00"])

    await store.write(work)
    assert list(await store.read(lambda tx: tx.jumps.live_of_gateway(GATEWAY))) == [SECOND.hex()]
    assert not await store.write(added)


async def test_a_cut_names_all_of_one_sign_in_at_one_gateway_and_no_other(store: SqlStore) -> None:
    elsewhere = LiveJumps(ELSEWHERE, USER, SIGN_IN, 1)
    other = LiveJumps(GATEWAY, USER, OTHER_SIGN_IN, 1)

    def work(tx: SqlTransaction) -> None:
        added(tx)
        added(tx, SECOND, whose=elsewhere)
        added(tx, THIRD, whose=other)
        tx.jumps.cut(MINE, 7, "why")
        tx.jumps.cut(other, 9, "why not")

    await store.write(work)
    orders = [JumpCut(7, FIRST.hex(), "why"), JumpCut(9, THIRD.hex(), "why not")]
    assert await store.read(lambda tx: tx.jumps.cuts_after(GATEWAY, 6)) == orders
    assert await store.read(lambda tx: tx.jumps.cuts_after(GATEWAY, 7)) == orders[1:]
    assert await store.read(lambda tx: tx.jumps.cuts_after(ELSEWHERE, 0)) == []
    assert await store.read(lambda tx: tx.jumps.live(tx.now)) == [elsewhere]


async def test_what_was_closed_is_not_cut_and_a_cut_is_not_changed(store: SqlStore) -> None:
    def work(tx: SqlTransaction) -> None:
        added(tx)
        added(tx, SECOND)
        tx.jumps.end([FIRST.hex()])
        tx.jumps.cut(MINE, 7, "why")
        tx.jumps.cut(MINE, 8, "again")

    await store.write(work)
    assert await store.read(lambda tx: tx.jumps.cuts_after(GATEWAY, 0)) == [JumpCut(7, SECOND.hex(), "why")]
