"""Replacing an authority's key, one step at a time and none that locks anybody out; for administrators.

The signer keeps the order of the steps; here is seen to it that everyone who needs the new key has it, and that nobody
lives by the old one any more, before the step that would lock them out.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from doorward.api.bodies.administration import RotateAuthority, Rotation, Rotations, RotationWait
from doorward.api.signer.messages import KnownKeys
from doorward.authority.callers import UserCaller
from doorward.authority.key_changes import take_keys
from doorward.authority.operations.joining import require_administrator
from doorward.authority.ports import Transaction
from doorward.authority.rotation_waits import leftovers, waits_for
from doorward.authority.services import Services
from doorward.base.errors import Conflict, Missing
from doorward.domain.audit.event import Actor
from doorward.domain.certificates.purposes import Purpose
from doorward.domain.certificates.rotation import BEGINS_WITH, ROTATED, OutOfStep, next_step, state_of

WAITS_SAID_MAX: Final = 5
_DOING: Final = "rotating an authority's key"


class RotationWaits(Conflict):
    """The step would lock somebody out."""

    code = "rotation_waits"


async def rotations(services: Services, caller: UserCaller) -> Rotations:
    """Where each authority stands, what is next, and what that waits for."""
    known = await services.signer.public_keys()

    def work(tx: Transaction) -> Rotations:
        require_administrator(services, tx, caller, "list", _DOING)
        return Rotations([_view(tx, known, purpose) for purpose in sorted(ROTATED)])

    return await services.store.read(work)


async def rotate(services: Services, caller: UserCaller, purpose: str, said: RotateAuthority) -> Rotation:
    """Take the step that was asked for, if it is the next one and waits for nothing."""
    services.clock_guard.check()
    rotating = _purpose(purpose)
    known = await services.signer.public_keys()
    step = next_step(state_of([key.state for key in known.of(rotating)]))

    def look(tx: Transaction) -> Sequence[RotationWait]:
        require_administrator(services, tx, caller, "update", _DOING)
        return waits_for(tx, known, rotating, step)

    waits = await services.store.read(look)
    if said.step != step:
        raise OutOfStep(f"rotating {rotating}: the next step is {step}; look at dw ca status")
    if waits:
        raise RotationWaits(f"rotating {rotating}: not yet: {_sentence(waits)}")
    begins = known.in_state(rotating, BEGINS_WITH[step])
    assert begins is not None, "a state has the key with which its step begins"  # noqa: S101
    moved = await services.signer.rotate_key(purpose=rotating, step=step, key_id=begins.key_id)
    await take_keys(services, moved, Actor.user(caller.user_id))
    return await services.store.read(lambda tx: _view(tx, moved, rotating))


def _purpose(text: str) -> Purpose:
    if text not in ROTATED:
        raise Missing(f"rotating a key: there is no such purpose; {', '.join(sorted(ROTATED))} can be")
    return Purpose(text)


def _view(tx: Transaction, known: KnownKeys, purpose: Purpose) -> Rotation:
    keys = known.of(purpose)
    state = state_of([key.state for key in keys])
    step = next_step(state)
    since = max(key.since for key in keys)
    return Rotation(
        purpose=str(purpose),
        state=str(state),
        since=datetime.fromtimestamp(since, UTC).isoformat() if since else "",
        next_step=str(step),
        waits=list(waits_for(tx, known, purpose, step)),
        leftovers=list(leftovers(tx, known)) if purpose is Purpose.SESSION_SSH else [],
    )


def _sentence(waits: Sequence[RotationWait]) -> str:
    said = [f"{wait.kind} {wait.name}: {wait.reason}".strip() for wait in waits[:WAITS_SAID_MAX]]
    more = [f"{len(waits) - WAITS_SAID_MAX} more"] if len(waits) > WAITS_SAID_MAX else []
    return "; ".join([*said, *more])
