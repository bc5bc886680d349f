"""Sessions, cuts and the revocation epoch, on both engines."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from tests.support.stored_values import (
    DEADLINE,
    GATEWAY,
    NODE,
    NOW,
    OTHER_USER,
    SESSION,
    SIGN_IN,
    USER,
    session,
)

from doorward.base.errors import Conflict, Invalid
from doorward.base.ids import GatewayId, SessionId
from doorward.domain.sessions.record import SessionCut, SessionQuery, SessionRecord
from doorward.domain.sessions.states import EndReason, SessionState
from doorward.stores.sql.store import SqlStore
from doorward.stores.sql.transaction import SqlTransaction


async def opened(store: SqlStore, *records: Any) -> None:
    def work(tx: Any) -> None:
        tx.sign_ins.add(SIGN_IN)
        for one in records or (session(),):
            assert tx.sessions.add(one)

    await store.write(work)


def adding(record: SessionRecord, tx: SqlTransaction) -> bool:
    return tx.sessions.add(record)


def ending(tx: Any, reason: EndReason = EndReason.CLOSED) -> Any:
    return tx.sessions.end(
        SESSION,
        reason,
        NOW + timedelta(minutes=1),
        level_achieved="output",
        bytes_in=1,
        bytes_out=2**40,
        facts={"e": 1},
    )


async def test_a_session_reads_as_it_was_stored(store: SqlStore) -> None:
    await opened(store)
    assert await store.read(lambda tx: tx.sessions.get(SESSION)) == session()
    assert await store.read(lambda tx: tx.sessions.by_proof(session().proof_digest)) == session()
    assert await store.read(lambda tx: tx.sessions.by_proof(b"other")) is None


async def test_a_proof_opens_one_session_once(store: SqlStore) -> None:
    await opened(store)
    again = session(1, proof_digest=session().proof_digest)
    outcomes = await asyncio.gather(*(store.write(lambda tx: tx.sessions.add(again)) for _ in range(5)))
    assert outcomes == [False] * 5
    assert len(await store.read(lambda tx: tx.sessions.live())) == 1


async def test_of_many_that_race_with_one_proof_one_opens(store: SqlStore) -> None:
    await store.write(lambda tx: tx.sign_ins.add(SIGN_IN))
    racers = [session(number, proof_digest=b"p" * 32) for number in range(1, 9)]
    outcomes = await asyncio.gather(*(store.write(partial(adding, one)) for one in racers))
    assert sorted(outcomes) == [False] * 7 + [True]


async def test_a_session_needs_its_sign_in(store: SqlStore) -> None:
    with pytest.raises(Conflict):
        await store.write(lambda tx: tx.sessions.add(session()))


async def test_a_session_lives_and_ends(store: SqlStore) -> None:
    await opened(store)
    started = NOW + timedelta(seconds=1)
    assert await store.write(lambda tx: tx.sessions.start(SESSION, started, {"s": 1}))
    assert not await store.write(lambda tx: tx.sessions.start(SESSION, started, {}))
    assert await store.write(ending)
    assert not await store.write(ending)
    assert await store.read(lambda tx: tx.sessions.get(SESSION)) == session(
        state=SessionState.ENDED,
        started=started,
        ended=NOW + timedelta(minutes=1),
        end_reason=EndReason.CLOSED,
        level_achieved="output",
        bytes_in=1,
        bytes_out=2**40,
        facts={"s": 1, "e": 1},
    )


async def test_the_first_reason_to_end_stands(store: SqlStore) -> None:
    await opened(store)
    assert await store.write(lambda tx: tx.sessions.begin_end(SESSION, EndReason.LOCKED, "locked by bob"))
    assert not await store.write(lambda tx: tx.sessions.begin_end(SESSION, EndReason.REVOKED, "later"))
    assert not await store.write(lambda tx: tx.sessions.start(SESSION, NOW, {}))
    assert await store.write(lambda tx: ending(tx, EndReason.GATEWAY_LOST))
    found = await store.read(lambda tx: tx.sessions.get(SESSION))
    assert found is not None
    assert (found.end_reason, found.end_message) == (EndReason.LOCKED, "locked by bob")
    assert not await store.write(lambda tx: tx.sessions.begin_end(SESSION, EndReason.IDLE, "x"))


async def test_how_it_really_ended_is_stored_once_and_moves_nothing(store: SqlStore) -> None:
    def correcting(tx: Any, bytes_in: int) -> Any:
        later = NOW + timedelta(hours=1)
        return tx.sessions.correct(
            SESSION, later, level_achieved="events", bytes_in=bytes_in, bytes_out=8, facts={"c": 1}
        )

    await opened(store)
    assert not await store.write(lambda tx: correcting(tx, 1))  # it lives
    assert not await store.write(lambda tx: tx.sessions.started_late(SESSION, NOW, {}))
    await store.write(lambda tx: ending(tx, EndReason.GATEWAY_LOST))
    assert await store.write(lambda tx: tx.sessions.started_late(SESSION, NOW, {"s": 1}))
    assert not await store.write(lambda tx: tx.sessions.started_late(SESSION, DEADLINE, {"s": 2}))
    assert await store.write(lambda tx: correcting(tx, 7))
    assert not await store.write(lambda tx: correcting(tx, 9))
    await store.write(lambda tx: tx.sessions.took_notes(SESSION, 5, 2))
    await store.write(lambda tx: tx.sessions.took_notes(SESSION, 6, 1))
    await store.write(lambda tx: tx.sessions.add_facts(SESSION, {"a": 1}))
    assert await store.write(lambda tx: tx.sessions.hold(SESSION)) == session(
        state=SessionState.ENDED,
        started=NOW,
        ended=NOW + timedelta(minutes=1),
        end_reason=EndReason.GATEWAY_LOST,
        level_achieved="events",
        bytes_in=7,
        bytes_out=8,
        facts={"s": 1, "e": 1, "c": 1, "a": 1},
        notes_taken=6,
        late_notes=3,
        corrected=NOW + timedelta(hours=1),
    )
    assert await store.write(lambda tx: tx.sessions.hold(SessionId("a" * 26))) is None


async def test_what_does_not_exist_does_not_move(store: SqlStore) -> None:
    unknown = SessionId("a" * 26)
    assert not await store.write(lambda tx: tx.sessions.start(unknown, NOW, {}))
    assert not await store.write(lambda tx: tx.sessions.begin_end(unknown, EndReason.IDLE, ""))
    assert await store.read(lambda tx: tx.sessions.get(unknown)) is None


async def test_live_ones_are_those_that_did_not_end(store: SqlStore) -> None:
    elsewhere = session(1, gateway_id=GatewayId("g" * 26), user_id=OTHER_USER)
    await opened(store, session(), elsewhere, session(2))
    await store.write(ending)
    await store.write(lambda tx: tx.sessions.begin_end(session(2).id, EndReason.IDLE, ""))
    live = await store.read(lambda tx: tx.sessions.live())
    assert [one.id for one in live] == [elsewhere.id, session(2).id]
    assert [one.id for one in await store.read(lambda tx: tx.sessions.live_of_gateway(GATEWAY))] == [session(2).id]
    assert await store.read(lambda tx: tx.sessions.live_count_of(USER)) == 1
    assert await store.read(lambda tx: tx.sessions.live_count_of(OTHER_USER)) == 1


async def test_who_counts_and_then_opens_can_not_pass_a_limit_by_racing(store: SqlStore) -> None:
    await store.write(lambda tx: tx.sign_ins.add(SIGN_IN))

    def one_more(number: int, tx: SqlTransaction) -> bool:
        return tx.sessions.live_count_of(USER) < 3 and tx.sessions.add(session(number))

    outcomes = await asyncio.gather(*(store.write(partial(one_more, at)) for at in range(1, 12)))
    assert sum(outcomes) == 3


async def test_a_search_narrows(store: SqlStore) -> None:
    await opened(store, session(), session(1, user_id=OTHER_USER), session(2, node_id="m" * 26))
    await store.write(ending)
    ids = [session(at).id for at in range(3)]

    async def found(**query: Any) -> list[str]:
        return [one.id for one in await store.read(lambda tx: tx.sessions.search(SessionQuery(**query)))]

    assert await found() == [ids[2], ids[1], ids[0]]
    assert await found(limit=1) == [ids[2]]
    assert await found(user_id=OTHER_USER) == [ids[1]]
    assert await found(node_id=NODE) == [ids[1], ids[0]]
    assert await found(live_only=True) == [ids[2], ids[1]]
    assert await found(since=NOW + timedelta(seconds=2)) == [ids[2]]
    assert await found(until=NOW + timedelta(seconds=1)) == [ids[0]]
    for limit in (0, 1001):
        with pytest.raises(Invalid):
            await found(limit=limit)


async def test_cuts_are_fetched_beyond_an_epoch_by_their_gateway(store: SqlStore) -> None:
    await opened(store)
    cut = SessionCut(5, SESSION, GATEWAY, EndReason.LOCKED, "bye")
    later = replace(cut, epoch=6)
    await store.write(lambda tx: tx.cuts.add(later))
    await store.write(lambda tx: tx.cuts.add(cut))
    assert await store.read(lambda tx: tx.cuts.after(GATEWAY, 4)) == [cut, later]
    assert await store.read(lambda tx: tx.cuts.after(GATEWAY, 5)) == [later]
    assert await store.read(lambda tx: tx.cuts.after(GatewayId("g" * 26), 0)) == []


async def test_the_epoch_grows_by_one_for_each_that_advances_it(store: SqlStore) -> None:
    epochs = await asyncio.gather(*(store.write(lambda tx: tx.revocation.advance()) for _ in range(10)))
    assert sorted(epochs) == list(range(1, 11))
    assert await store.write(lambda tx: tx.revocation.read_for_open()) == 10
    assert await store.read(lambda tx: tx.revocation.current()) == 10


async def test_a_lock_and_an_opening_never_miss_each_other(store: SqlStore) -> None:
    """Whoever ends access after a session opened sees it live; whoever opens after sees the new epoch."""
    await store.write(lambda tx: tx.sign_ins.add(SIGN_IN))

    def opening(number: int, tx: Any) -> tuple[str, int]:
        epoch = tx.revocation.read_for_open()
        assert tx.sessions.add(session(number, epoch=epoch, deadline=DEADLINE))
        return session(number).id, epoch

    def locking(tx: Any) -> tuple[int, set[str]]:
        epoch = tx.revocation.advance()  # first, as whatever ends access does (authority/endings.py)
        return epoch, {one.id for one in tx.sessions.live()}

    works: list[Any] = [
        store.write(locking) if at % 4 == 0 else store.write(partial(opening, at)) for at in range(1, 41)
    ]
    outcomes: list[Any] = await asyncio.gather(*works)
    locks = [one for one in outcomes if isinstance(one[0], int)]
    for session_id, epoch in (one for one in outcomes if isinstance(one[0], str)):
        for locked_at, seen in locks:
            assert (session_id in seen) == (locked_at > epoch)
