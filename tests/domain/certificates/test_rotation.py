"""The table of a key's rotation: three states, one step out of each, and a rest where faces may still be shown."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from doorward.domain.certificates.purposes import SSH_PURPOSES, KeyState, Purpose
from doorward.domain.certificates.rotation import (
    BEGINS_WITH,
    MOVES,
    REST,
    ROTATED,
    NotRotated,
    OutOfStep,
    RotationState,
    RotationStep,
    TooEarly,
    check_rest,
    checked_purpose,
    next_step,
    state_of,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_three_steps_lead_back_to_where_a_rotation_began_and_no_other_move_exists() -> None:
    state = RotationState.STABLE
    walked = []
    for _ in range(3):
        step = next_step(state)
        walked.append((state, step))
        state = MOVES[state, step]
    assert state is RotationState.STABLE
    assert set(walked) == set(MOVES)
    assert len(MOVES) == 3


def test_state_follows_from_the_states_of_the_keys_alone() -> None:
    assert state_of([KeyState.CURRENT]) is RotationState.STABLE
    assert state_of([KeyState.NEXT, KeyState.CURRENT]) is RotationState.PREPARED
    assert state_of([KeyState.CURRENT, KeyState.OLD]) is RotationState.SWITCHED


@pytest.mark.parametrize(
    "states",
    [
        [],
        [KeyState.NEXT],
        [KeyState.OLD],
        [KeyState.NEXT, KeyState.OLD],
        [KeyState.NEXT, KeyState.CURRENT, KeyState.OLD],
        [KeyState.CURRENT, KeyState.OLD, KeyState.OLD],
        [KeyState.CURRENT, KeyState.CURRENT],
    ],
)
def test_keys_that_no_rotation_leads_to_are_refused(states: list[KeyState]) -> None:
    with pytest.raises(OutOfStep):
        state_of(states)


def test_each_step_begins_with_a_key_that_its_state_has() -> None:
    keys = {
        RotationState.STABLE: {KeyState.CURRENT},
        RotationState.PREPARED: {KeyState.CURRENT, KeyState.NEXT},
        RotationState.SWITCHED: {KeyState.CURRENT, KeyState.OLD},
    }
    for state, step in product(RotationState, RotationStep):
        if (state, step) in MOVES:
            assert BEGINS_WITH[step] in keys[state]


def test_only_the_authorities_for_ssh_rotate() -> None:
    assert ROTATED == SSH_PURPOSES == set(REST)
    for purpose in Purpose:
        if purpose in ROTATED:
            assert checked_purpose(purpose) is purpose
        else:
            with pytest.raises(NotRotated):
                checked_purpose(purpose)


def test_face_key_stays_until_the_last_face_it_signed_has_expired() -> None:
    with pytest.raises(TooEarly, match="1 seconds more"):
        check_rest(Purpose.FACE_HOST, NOW, NOW + timedelta(minutes=10) - timedelta(microseconds=1))
    check_rest(Purpose.FACE_HOST, NOW, NOW + timedelta(minutes=10))
    check_rest(Purpose.USER_SSH, NOW, NOW)
