"""How an authority's key is replaced by another: prepared, switched, retired, and no step before its time.

While a rotation runs there are two keys of a purpose and both are trusted. Which of them signs follows from the states
of the keys alone, so that there is nothing beside them that could say otherwise. Only the authorities for SSH rotate:
what the others signed (the log's checkpoints, recordings' manifests) must verify for ever.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from doorward.base.errors import Conflict, Refused
from doorward.domain.certificates.purposes import SSH_PURPOSES, KeyState, Purpose
from doorward.domain.certificates.ssh_profiles import LIFETIMES


class NotRotated(Refused):
    """Keys of this purpose are not replaced."""

    code = "purpose_not_rotated"


class OutOfStep(Conflict):
    """The key is not where the step begins."""

    code = "rotation_out_of_step"


class TooEarly(Conflict):
    """What the old key signed has not run out."""

    code = "rotation_too_early"


class RotationState(StrEnum):
    """Where an authority stands."""

    STABLE = "stable"
    """One key, which signs."""
    PREPARED = "prepared"
    """A new key is trusted; the one before still signs."""
    SWITCHED = "switched"
    """The new key signs; the one before is still trusted."""


class RotationStep(StrEnum):
    """What is done next."""

    PREPARE = "prepare"
    SWITCH = "switch"
    RETIRE = "retire"


ROTATED: Final = SSH_PURPOSES
"""The purposes whose keys can be replaced."""

MOVES: Final = {
    (RotationState.STABLE, RotationStep.PREPARE): RotationState.PREPARED,
    (RotationState.PREPARED, RotationStep.SWITCH): RotationState.SWITCHED,
    (RotationState.SWITCHED, RotationStep.RETIRE): RotationState.STABLE,
}

BEGINS_WITH: Final = {
    RotationStep.PREPARE: KeyState.CURRENT,
    RotationStep.SWITCH: KeyState.NEXT,
    RotationStep.RETIRE: KeyState.OLD,
}
"""The key that a step is about: the one that gets a successor, the one that shall sign, the one that goes."""

_STATES: Final = {
    frozenset({KeyState.CURRENT}): RotationState.STABLE,
    frozenset({KeyState.CURRENT, KeyState.NEXT}): RotationState.PREPARED,
    frozenset({KeyState.CURRENT, KeyState.OLD}): RotationState.SWITCHED,
}

REST: Final = {
    Purpose.USER_SSH: timedelta(0),
    Purpose.SESSION_SSH: timedelta(0),
    Purpose.NODE_HOST: timedelta(0),
    Purpose.FACE_HOST: LIFETIMES[Purpose.FACE_HOST].ceiling,
}
"""How long after the switch the old key stays trusted at least.

A face that was minted before is shown as long as it lives. What the other three signed is known one by one to the
authority, which waits for sign-ins and nodes; and nodes trust the keys of their last set-up.
"""


def checked_purpose(purpose: Purpose) -> Purpose:
    """`purpose`, if its keys rotate."""
    if purpose not in ROTATED:
        raise NotRotated(f"rotating {purpose}: its key is not replaced; {', '.join(sorted(ROTATED))} can be")
    return purpose


def state_of(states: Collection[KeyState]) -> RotationState:
    """Where an authority with keys in these states stands; `OutOfStep` when no rotation leads there."""
    found = _STATES.get(frozenset(states))
    if found is None or len(states) != len(set(states)):
        raise OutOfStep("reading the keys of an authority: no rotation leads to these")
    return found


def next_step(state: RotationState) -> RotationStep:
    """The one step that begins in `state`."""
    return next(step for begins, step in MOVES if begins is state)


def check_rest(purpose: Purpose, switched: datetime, now: datetime) -> None:
    """`TooEarly` while something may be shown that the key signed until it was `switched` off."""
    remaining = switched + REST[purpose] - now
    if remaining > timedelta(0):
        seconds = int(remaining.total_seconds()) + 1
        raise TooEarly(f"rotating {purpose}: what the old key signed lives {seconds} seconds more")
