"""Slows down a gateway, or one user at it, that asks for more than its share; of many refusals one is in the log."""

from typing import Final

from doorward.authority.callers import GatewayCaller
from doorward.authority.gateway_limits import GatewayTooFast, RecordedTooMuch, UserTooFast, Work
from doorward.authority.noting import note
from doorward.authority.operations.proofs import Claim
from doorward.authority.services import Services
from doorward.domain.audit.event import Actor, Subjects
from doorward.domain.audit.events_machines import GATEWAY_SLOWED
from doorward.domain.audit.events_sessions import SESSION_REFUSED
from doorward.domain.sessions.record import SessionRecord

PIECE_BYTES: Final = 256 * 1024
"""What one piece of a recording counts as; a longer one counts as several."""


async def pace_opening(services: Services, caller: GatewayCaller) -> None:
    """Count an opening, before its proof is looked at."""
    try:
        services.gateway_limits.check(caller.gateway_id)
    except GatewayTooFast as error:
        await _told(services, caller, Work.OPENINGS, error)
        raise


async def pace(services: Services, caller: GatewayCaller, work: Work, count: int = 1) -> None:
    """Count other work of a gateway."""
    try:
        services.gateway_limits.take(caller.gateway_id, work, count)
    except GatewayTooFast as error:
        await _told(services, caller, work, error)
        raise


async def pace_notes(services: Services, caller: GatewayCaller, session: SessionRecord, count: int) -> None:
    """Count events of a session against its user: nobody uses up what others at the same gateway may tell."""
    try:
        services.gateway_limits.take_notes(caller.gateway_id, session.user_id, count)
    except UserTooFast as error:
        await _told(services, caller, Work.NOTES, error, Subjects(user=session.user_id, gateway=caller.gateway_id))
        raise
    except GatewayTooFast as error:
        await _told(services, caller, Work.NOTES, error)
        raise


async def pace_recording(
    services: Services, caller: GatewayCaller, session: SessionRecord, size_bytes: int, new_bytes: int
) -> None:
    """Count a piece of a recording against its gateway's speed, and what is new in it against the shares of user
    and gateway."""
    await pace(services, caller, Work.RECORDINGS, max(1, -(-size_bytes // PIECE_BYTES)))
    try:
        services.gateway_limits.take_recorded(caller.gateway_id, session.user_id, new_bytes)
    except RecordedTooMuch as error:
        subjects = Subjects(user=session.user_id, session=session.id, gateway=caller.gateway_id)
        await _told(services, caller, Work.RECORDINGS, error, subjects)
        raise


async def pace_user(services: Services, caller: GatewayCaller, claim: Claim) -> None:
    """Count an opening of a user, once the proof holds: nobody uses up another's share."""
    identity = claim.identity
    try:
        services.gateway_limits.check_user(caller.gateway_id, identity.user_id)
    except UserTooFast as error:
        if not error.is_told:
            fields = {"reason": error.code, "proof_kind": claim.proof_kind, "source": claim.source}
            subjects = Subjects(user=identity.user_id, sign_in=identity.sign_in_id, gateway=caller.gateway_id)
            actor = Actor.gateway(caller.gateway_id)
            await services.store.write(lambda tx: note(tx, SESSION_REFUSED, actor, fields, subjects))
        raise


async def _told(
    services: Services,
    caller: GatewayCaller,
    work: Work,
    error: GatewayTooFast | UserTooFast | RecordedTooMuch,
    subjects: Subjects | None = None,
) -> None:
    if not error.is_told:
        fields = {"name": caller.name, "work": work.value}
        actor, about = Actor.gateway(caller.gateway_id), subjects or Subjects(gateway=caller.gateway_id)
        await services.store.write(lambda tx: note(tx, GATEWAY_SLOWED, actor, fields, about))
