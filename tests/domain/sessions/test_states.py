"""The states of a session move only as the table says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.domain.sessions.states import FIRST_STATE, MOVES, IllegalMove, Move, SessionState, allowed_pairs, move


def test_the_table_is_as_reviewed() -> None:
    assert {f"{before} {step} {after}" for (before, step), after in MOVES.items()} == {
        "opening start active",
        "opening cut ending",
        "opening end ended",
        "active cut ending",
        "active end ended",
        "ending end ended",
        "ending presume ended",
    }


@given(st.lists(st.sampled_from(Move)))
def test_nothing_leads_out_of_ended_and_nothing_back_to_opening(steps: list[Move]) -> None:
    state = FIRST_STATE
    for step in steps:
        try:
            after = move(state, step)
        except IllegalMove:
            continue
        assert state is not SessionState.ENDED
        assert after is not SessionState.OPENING
        assert (state, after) in allowed_pairs()
        state = after


def test_every_live_state_can_end() -> None:
    for state in SessionState:
        if state is SessionState.ENDED:
            with pytest.raises(IllegalMove):
                move(state, Move.END)
        else:
            assert move(state, Move.END) is SessionState.ENDED


def test_a_cut_session_never_comes_back() -> None:
    assert not any(before == "ending" and after != "ended" for before, after in allowed_pairs())
