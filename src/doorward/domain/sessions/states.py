"""The states of a session, and the reasons for which it may end.

`MOVES` is the whole truth: the database's triggers and the tests are generated from it, so a row can only move as this
table says, whoever writes it. A session is `opening` from its decision until its upstream connection stands, `active`
while bytes pass, `ending` from the moment access ends until the end is seen, and `ended` for good. A lost gateway's
sessions wait in `ending` until lease and rest have run out; only then are they presumed ended (security.md 7).
"""

from enum import StrEnum
from typing import Final

from doorward.base.errors import Conflict


class SessionState(StrEnum):
    """Where a session stands."""

    OPENING = "opening"
    ACTIVE = "active"
    ENDING = "ending"
    ENDED = "ended"


class Move(StrEnum):
    """What can happen to a session."""

    START = "start"  # the upstream connection stands
    CUT = "cut"  # access ended: the gateway is told to close
    END = "end"  # the gateway saw the session end
    PRESUME = "presume"  # the gateway is lost for longer than it may go on


class EndReason(StrEnum):
    """Why a session ended: a closed list."""

    CLOSED = "closed"
    EXPIRED = "expired"
    IDLE = "idle"
    DROPPED = "dropped"
    REVOKED = "revoked"
    LOCKED = "locked"
    POLICY_CHANGED = "policy_changed"
    TARGET_CHANGED = "target_changed"
    CRITICALITY_RISEN = "criticality_risen"
    WORK_ORDER_CLOSED = "work_order_closed"
    OBSERVER_LEFT = "observer_left"
    GATEWAY_LOST = "gateway_lost"
    RECORDER_FAILED = "recorder_failed"
    UPSTREAM_CLOSED = "upstream_closed"
    PROTOCOL_ERROR = "protocol_error"


FIRST_STATE: Final = SessionState.OPENING

MOVES: Final = {
    (SessionState.OPENING, Move.START): SessionState.ACTIVE,
    (SessionState.OPENING, Move.CUT): SessionState.ENDING,
    (SessionState.OPENING, Move.END): SessionState.ENDED,
    (SessionState.ACTIVE, Move.CUT): SessionState.ENDING,
    (SessionState.ACTIVE, Move.END): SessionState.ENDED,
    (SessionState.ENDING, Move.END): SessionState.ENDED,
    (SessionState.ENDING, Move.PRESUME): SessionState.ENDED,
}


class IllegalMove(Conflict):
    """The session is not in a state from which this can happen."""

    code = "session_moved_on"


def move(state: SessionState, step: Move) -> SessionState:
    """The state after `step`; `IllegalMove` when the table has no such move."""
    to = MOVES.get((state, step))
    if to is None:
        raise IllegalMove(f"moving a session: it is {state}, which allows no {step}")
    return to


def allowed_pairs() -> frozenset[tuple[str, str]]:
    """Every (from, to) that `MOVES` allows: what the database's triggers enforce."""
    return frozenset((str(before), str(after)) for (before, _), after in MOVES.items())
