"""Whether the outer connection of a ProxyJump may stay: a live sign-in that nothing locks, proven once for each SSH
session.

It is no session: nothing opens by it but further sign-ins, each with a proof of its own. What would refuse every one of
these refuses it too, and closes it when it comes later: so the epoch is read first, as for a session.
"""

from datetime import datetime
from typing import Final

from doorward.api.bodies.gateway_calls import Jump, OpenJump
from doorward.authority.callers import GatewayCaller
from doorward.authority.endings import why_no_jump
from doorward.authority.known_gateway import known_gateway
from doorward.authority.operations.admission import refuse
from doorward.authority.operations.pacing import pace_opening, pace_user
from doorward.authority.operations.proofs import bad_proof, proven_jump
from doorward.authority.policy import UnknownSubject
from doorward.authority.ports import Transaction
from doorward.authority.services import Services
from doorward.base.errors import Refused
from doorward.domain.sessions.jumps import JumpRecord
from doorward.domain.sessions.states import EndReason

SIGN_IN_OVER: Final = "your sign-in is over: sign in again with `dw login`"
USED: Final = "opening a jump: this proof has opened one before"


class JumpRefused(Refused):
    """The line that a refused user sees. A lock tells who is locked, as it tells those whom it cuts."""

    code = "jump_refused"


class ProofUsed(Refused):
    """The gateway shows a proof again that has opened something before."""

    code = "proof_used"


async def open_jump(services: Services, caller: GatewayCaller, wanted: OpenJump) -> Jump:
    """Whose connection it is and how long it may stay, or `Refused` with the line that the user may see."""
    services.clock_guard.check()
    await pace_opening(services, caller)
    claim = await proven_jump(services, caller, wanted)
    await pace_user(services, caller, claim)
    identity = claim.identity

    def work(tx: Transaction) -> tuple[JumpRecord, datetime] | Refused:
        tx.revocation.read_for_open()
        known_gateway(tx, caller)  # after the epoch: whoever disables it takes the epoch first, too
        if tx.sessions.by_proof(claim.proof_digest) is not None:
            return ProofUsed("opening a jump: this proof has opened a session")
        sign_in = tx.sign_ins.by_ssh_serial(identity.serial)
        whose = (identity.user_id, identity.sign_in_id)
        if sign_in is None or (sign_in.user_id, sign_in.id) != whose or not sign_in.is_live(tx.now):
            refuse(tx, caller, claim, "sign_in_over")
            return JumpRefused(SIGN_IN_OVER)
        no_jump = why_no_jump(services.policy.view(tx), identity.user_id, sign_in.id, tx.now)
        if no_jump is not None:
            reason, message = no_jump
            is_locked = reason is EndReason.LOCKED
            refuse(tx, caller, claim, str(reason) if is_locked else UnknownSubject.code)
            return JumpRefused(message if is_locked else SIGN_IN_OVER)
        expires = max(identity.valid_before, sign_in.expires)
        jump = JumpRecord(claim.proof_digest, caller.gateway_id, identity.user_id, sign_in.id, tx.now, expires)
        return (jump, sign_in.expires) if tx.jumps.add(jump, tx.now) else ProofUsed(USED)

    found = await services.store.write(work)
    if isinstance(found, ProofUsed):
        await bad_proof(services, caller, found.code, wanted.proof)
    if isinstance(found, Refused):
        raise found
    jump, until = found
    return Jump(identity.user_id, max(0.0, (until - services.clock.now()).total_seconds()), jump.id)
