"""The registry of jump connections: their clock, their cuts, known and unknown, and how many one user may hold."""

from datetime import timedelta

import pytest

from doorward.api.bodies.gateway_calls import JumpCut, Lease, WatchMessage
from doorward.base.clock import ManualClock
from doorward.domain.sessions.states import EndReason
from doorward.gateway.jumps import CUTS_REMEMBERED_MAX, JUMPS_OF_USER_MAX, JumpConnections, TooManyJumps
from doorward.gateway.sessions import Sessions, TooManySessions


class One:
    """The outer connection of a jump, which ends at two seconds."""

    def __init__(self, jumps: JumpConnections, jump_id: str = "one", user_id: str = "bob") -> None:
        self.id, self.user_id = jump_id, user_id
        self._jumps = jumps
        self.lines: list[str] = []
        jumps.add(self)

    def tick(self, now: float) -> None:
        if now >= 2.0:
            self.end("over")

    def end(self, line: str) -> None:
        self.lines.append(line)
        self._jumps.remove(self)


def test_jumps_obey_the_clock_of_sessions_and_take_a_place_like_them() -> None:
    clock = ManualClock()
    sessions = Sessions(clock, sessions_max=2)
    jump = One(sessions.jumps)
    sessions.tick()
    sessions.room()
    other = One(sessions.jumps, "other", "carol")
    with pytest.raises(TooManySessions):
        sessions.room()
    clock.advance(timedelta(seconds=2))  # a suspend counts: this is the elapsed clock
    sessions.tick()
    assert jump.lines == other.lines == ["over"]
    sessions.room()
    late = One(sessions.jumps)
    sessions.end_all(EndReason.GATEWAY_LOST, "going away")
    assert late.lines == ["going away"]


def test_a_cut_closes_the_one_that_it_names_and_no_other() -> None:
    sessions = Sessions(ManualClock())
    one, two = One(sessions.jumps), One(sessions.jumps, "two")
    sessions.heard(WatchMessage(5, jump_cuts=[JumpCut("one", "why"), JumpCut("unknown", "why")]))
    assert (one.lines, two.lines) == (["why"], [])
    assert sessions.jumps.ids() == ["two"]
    assert sessions.epoch == 5


def test_a_cut_that_came_first_closes_it_when_it_appears() -> None:
    jumps = JumpConnections()
    jumps.cut(JumpCut("one", "why"))
    assert One(jumps).lines == ["why"]
    assert jumps.ids() == []


def test_cuts_are_remembered_up_to_a_limit_and_the_newest_longest() -> None:
    jumps = JumpConnections()
    for number in range(CUTS_REMEMBERED_MAX + 1):
        jumps.cut(JumpCut(str(number), "why"))
    assert One(jumps, "0").lines == []
    assert One(jumps, "1").lines == One(jumps, str(CUTS_REMEMBERED_MAX)).lines == ["why"]


def test_what_the_authority_holds_closed_is_closed() -> None:
    clock = ManualClock()
    sessions = Sessions(clock)
    one, two = One(sessions.jumps), One(sessions.jumps, "two")
    sessions.leased(Lease(10.0, 1, unknown_jumps=["one", "never seen"]), clock.elapsed_seconds())
    assert (len(one.lines), two.lines) == (1, [])


def test_one_user_holds_so_many_and_takes_no_place_of_anothers() -> None:
    jumps = JumpConnections()
    held = [One(jumps, str(number)) for number in range(JUMPS_OF_USER_MAX)]
    with pytest.raises(TooManyJumps):
        jumps.room("bob")
    jumps.room("carol")
    for _ in range(2):  # an end and the loss of the connection that follows give one place back, not two
        jumps.remove(held[0])
    jumps.room("bob")
    One(jumps, "again")
    with pytest.raises(TooManyJumps):
        jumps.room("bob")
