"""The registry of live sessions: cuts, known and unknown; epochs; leases; sight of the authority."""

import asyncio
from datetime import timedelta

import pytest

from doorward.api.bodies.gateway_calls import Cut, Lease, WatchMessage
from doorward.base.clock import ManualClock
from doorward.domain.sessions.states import EndReason
from doorward.gateway.sessions import (
    UNTOLD_MAX,
    WATCH_SILENCE_SECONDS,
    Control,
    Sessions,
    Sight,
    TooManySessions,
    reason_of,
)


class One:
    """A session that notes what happens to it."""

    def __init__(self, session_id: str, sessions: Sessions) -> None:
        self.id = session_id
        self._sessions = sessions
        self.ends: list[tuple[EndReason, str]] = []
        self.ticks: list[float] = []

    def tick(self, now: float, _control: Control) -> None:
        self.ticks.append(now)

    def end(self, reason: EndReason, line: str) -> None:
        self.ends.append((reason, line))
        self._sessions.remove(self.id)


def made() -> tuple[ManualClock, Sessions]:
    clock = ManualClock()
    return clock, Sessions(clock, sessions_max=2)


def cut(session_id: str, epoch: int, reason: str = "locked") -> WatchMessage:
    return WatchMessage(epoch, [Cut(session_id, reason, "why", epoch)])


def test_a_cut_ends_the_session_it_names_and_no_other() -> None:
    _, sessions = made()
    one, two = One("one", sessions), One("two", sessions)
    sessions.add(one)
    sessions.add(two)
    sessions.heard(cut("one", 5))
    assert (one.ends, two.ends) == ([(EndReason.LOCKED, "why")], [])
    assert sessions.ids() == ["two"]


def test_a_cut_that_came_first_ends_the_session_when_it_appears() -> None:
    _, sessions = made()
    sessions.heard(cut("one", 5, "revoked"))
    one = One("one", sessions)
    sessions.add(one)
    assert one.ends == [(EndReason.REVOKED, "why")]
    assert len(sessions) == 0


def test_a_reason_that_we_do_not_know_ends_it_all_the_same() -> None:
    assert reason_of(Cut("one", "no such reason", "", 1)) is EndReason.REVOKED


async def test_an_epoch_is_waited_for_until_it_is_heard() -> None:
    _, sessions = made()
    waiting = asyncio.create_task(sessions.reached(7))
    await asyncio.sleep(0)
    sessions.heard(WatchMessage(6))
    await asyncio.sleep(0)
    assert not waiting.done()
    sessions.heard(WatchMessage(7))
    await waiting
    await sessions.reached(3)
    sessions.heard(WatchMessage(2))
    assert sessions.epoch == 7


async def test_who_gives_up_waiting_leaves_nothing_behind() -> None:
    _, sessions = made()
    waiting = asyncio.create_task(sessions.reached(7))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    sessions.heard(WatchMessage(7))


def test_nothing_may_open_unless_lease_and_watch_are_both_fresh() -> None:
    clock, sessions = made()
    assert not sessions.may_open()
    sessions.leased(Lease(10.0, 1), clock.elapsed_seconds())
    assert not sessions.may_open()
    sessions.heard(WatchMessage(1))
    assert sessions.may_open()
    clock.advance(timedelta(seconds=WATCH_SILENCE_SECONDS))
    assert not sessions.may_open()
    sessions.heard(WatchMessage(1))
    assert sessions.may_open()
    clock.advance(timedelta(seconds=10 - WATCH_SILENCE_SECONDS))
    sessions.heard(WatchMessage(1))
    assert not sessions.may_open()


def test_a_lease_runs_from_when_it_was_asked_for() -> None:
    clock, sessions = made()
    sessions.heard(WatchMessage(1))
    asked_at = clock.elapsed_seconds()
    clock.advance(timedelta(seconds=3))
    sessions.leased(Lease(3.0, 1), asked_at)
    assert not sessions.may_open()


def test_what_the_authority_holds_ended_is_ended() -> None:
    clock, sessions = made()
    one = One("one", sessions)
    sessions.add(one)
    sessions.leased(Lease(10.0, 1, unknown=["one", "never seen"]), clock.elapsed_seconds())
    assert [reason for reason, _ in one.ends] == [EndReason.GATEWAY_LOST]


def test_sight_that_is_lost_is_over_after_the_rest_that_a_session_may_go_on() -> None:
    control = Control()
    control.seen(Sight.LEASE, 100.0)
    assert not control.is_over(Sight.LEASE, 99.9, 0.0)
    assert control.is_over(Sight.LEASE, 100.0, 0.0)
    assert not control.is_over(Sight.LEASE, 399.9, 300.0)
    assert control.is_over(Sight.LEASE, 400.0, 300.0)


def test_a_full_gateway_says_so() -> None:
    _, sessions = made()
    sessions.room()
    sessions.add(One("one", sessions))
    sessions.add(One("two", sessions))
    with pytest.raises(TooManySessions):
        sessions.room()


def test_ticks_reach_all_and_the_end_reaches_all() -> None:
    clock, sessions = made()
    both = [One("one", sessions), One("two", sessions)]
    for one in both:
        sessions.add(one)
    clock.advance(timedelta(seconds=2))
    sessions.tick()
    sessions.end_all(EndReason.GATEWAY_LOST, "bye")
    assert [one.ticks for one in both] == [[2.0], [2.0]]
    assert [one.ends for one in both] == [[(EndReason.GATEWAY_LOST, "bye")]] * 2


async def test_the_first_sight_is_lease_and_watch_together() -> None:
    clock, sessions = made()
    waiting = asyncio.create_task(sessions.sighted())
    sessions.leased(Lease(10.0, 1), clock.elapsed_seconds())
    await asyncio.sleep(0)
    assert not waiting.done()
    assert sessions.lease_seconds() == 10.0
    sessions.heard(WatchMessage(1, []))
    await waiting
    clock.advance(timedelta(seconds=11))
    assert sessions.lease_seconds() == 0.0
    await sessions.sighted()  # what was is not undone: it is about the start


def test_an_ended_session_stands_in_the_lease_until_its_end_was_taken() -> None:
    sessions = Sessions(ManualClock())
    sessions.remove("one")
    assert sessions.ids_for_lease() == ["one"]
    assert len(sessions) == 0
    sessions.told("one")
    assert sessions.ids_for_lease() == []


def test_what_waits_to_be_told_is_bounded() -> None:
    sessions = Sessions(ManualClock())
    for number in range(UNTOLD_MAX + 1):
        sessions.remove(str(number))
    assert len(sessions.ids_for_lease()) == UNTOLD_MAX
    assert "0" not in sessions.ids_for_lease()
