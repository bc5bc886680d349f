"""Whether the outer connection of a ProxyJump may stay: a live sign-in, proven once for each SSH session.

It is no session: nothing opens by it but further sign-ins, each with a proof of its own.
"""

from datetime import datetime

from doorward.api.bodies.gateway_calls import Jump, OpenJump
from doorward.authority.callers import GatewayCaller
from doorward.authority.known_gateway import known_gateway
from doorward.authority.operations.admission import refuse
from doorward.authority.operations.pacing import pace_opening, pace_user
from doorward.authority.operations.proofs import bad_proof, proven_jump
from doorward.authority.policy import UnknownSubject
from doorward.authority.ports import Transaction
from doorward.authority.services import Services
from doorward.base.errors import Refused


class JumpRefused(Refused):
    """The one line that a refused user sees, whatever the reason."""

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

    def work(tx: Transaction) -> datetime | Refused:
        known_gateway(tx, caller)
        if tx.sessions.by_proof(claim.proof_digest) is not None:
            return ProofUsed("opening a jump: this proof has opened a session")
        sign_in = tx.sign_ins.by_ssh_serial(identity.serial)
        whose = (identity.user_id, identity.sign_in_id)
        if sign_in is None or (sign_in.user_id, sign_in.id) != whose or not sign_in.is_live(tx.now):
            refuse(tx, caller, claim, "sign_in_over")
            return JumpRefused("your sign-in is over: sign in again with `dw login`")
        try:
            services.policy.view(tx).prepared(identity.user_id, sign_in.id)
        except UnknownSubject:
            refuse(tx, caller, claim, "unknown_subject")
            return JumpRefused("your sign-in is over: sign in again with `dw login`")
        if not tx.jumps.add(claim.proof_digest, identity.valid_before, tx.now):
            return ProofUsed("opening a jump: this proof has opened one before")
        return sign_in.expires

    found = await services.store.write(work)
    if isinstance(found, ProofUsed):
        await bad_proof(services, caller, found.code, wanted.proof)
    if isinstance(found, Refused):
        raise found
    return Jump(identity.user_id, max(0.0, (found - services.clock.now()).total_seconds()))
