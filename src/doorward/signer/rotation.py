"""One step of a rotation on the keys themselves, by the table of moves and the signer's own clock.

The authority asks when it has seen that nobody is locked out by the step, which is not ours to know. What we keep is
that no step is left out, that no key goes while what it signed may still be shown, and that a step asked twice is done
once.
"""

from datetime import UTC, datetime

from doorward.domain.certificates.purposes import KeyState, Purpose
from doorward.domain.certificates.rotation import (
    BEGINS_WITH,
    MOVES,
    OutOfStep,
    RotationStep,
    check_rest,
    checked_purpose,
    state_of,
)
from doorward.signer.ports import HeldKey, KeyRing


def rotate(ring: KeyRing, purpose: Purpose, step: RotationStep, key_id: str, now: datetime) -> bool:
    """Whether the ring has changed; false when the step was done before. `OutOfStep`, `TooEarly` or `NotRotated`."""
    checked_purpose(purpose)
    keys = [key for key in ring.signing_keys if key.purpose is purpose]
    if _is_done(keys, step, key_id):
        return False
    state = state_of([key.state for key in keys])
    begins = next((key for key in keys if key.state is BEGINS_WITH[step]), None)
    if (state, step) not in MOVES or begins is None or begins.key_id != key_id:
        raise OutOfStep(f"rotating {purpose}: it is {state}, so {step} is not what can be done with that key")
    since = int(now.timestamp())
    match step:
        case RotationStep.PREPARE:
            ring.add_next(purpose, since)
        case RotationStep.SWITCH:
            ring.switch(purpose, since)
        case RotationStep.RETIRE:
            check_rest(purpose, datetime.fromtimestamp(begins.since, UTC), now)
            ring.remove_old(purpose)
    return True


def _is_done(keys: list[HeldKey], step: RotationStep, key_id: str) -> bool:
    states = {key.state: key.key_id for key in keys}
    match step:
        case RotationStep.PREPARE:
            return KeyState.NEXT in states and states[KeyState.CURRENT] == key_id
        case RotationStep.SWITCH:
            return KeyState.OLD in states and states[KeyState.CURRENT] == key_id
        case RotationStep.RETIRE:
            return key_id not in states.values() and states.keys() == {KeyState.CURRENT}
