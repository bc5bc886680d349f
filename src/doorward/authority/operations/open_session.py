"""Opens one session on the user's own signed proof: the heart of the product.

Nothing here believes the gateway: who, which node and which account come from the verified bytes. The epoch is read
before the policy in one transaction, each proof opens one session once, and decision and session are in the log before
the gateway gets a plan. A refusal says the same, after the same time, whether the node exists or not.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Final

from doorward.api.bodies.gateway_calls import OpenSession, SessionPlan
from doorward.authority.callers import GatewayCaller
from doorward.authority.counts import Outcome
from doorward.authority.jobs.leases import end_presumed
from doorward.authority.known_gateway import known_gateway
from doorward.authority.operations.admission import Admitted, admit, readmit, refuse
from doorward.authority.operations.pacing import pace_opening, pace_user
from doorward.authority.operations.proofs import Claim, proven_claim
from doorward.authority.operations.threshold import Asked
from doorward.authority.operations.typed_codes import typed_code
from doorward.authority.ports import Transaction
from doorward.authority.services import Services
from doorward.base.clock import from_micros
from doorward.base.errors import DoorwardError, Refused
from doorward.base.ids import SessionId, new_id
from doorward.domain.access.obligations import Obligations
from doorward.domain.certificates.principals import node_principal
from doorward.domain.recording.levels import RecordingLevel
from doorward.domain.sessions.record import FACTOR_GIVEN, SessionRecord
from doorward.domain.sessions.states import EndReason

REFUSAL_SECONDS: Final = 0.12
REPLAY_WITHIN: Final = timedelta(seconds=15)


async def open_session(services: Services, caller: GatewayCaller, wanted: OpenSession) -> SessionPlan:
    """A plan, or `Refused` with the line that the user may see."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    try:
        plan = await _open(services, caller, wanted)
    except Refused:
        services.counts.openings[Outcome.REFUSED] += 1
        # The same time for what does not exist, what is forbidden and what is broken: measured from the same start.
        await asyncio.sleep(max(0.0, begun + REFUSAL_SECONDS - loop.time()))
        raise
    except DoorwardError:
        services.counts.openings[Outcome.FAILED] += 1
        raise
    services.counts.openings[Outcome.ALLOWED] += 1
    return plan


async def _open(services: Services, caller: GatewayCaller, wanted: OpenSession) -> SessionPlan:
    services.clock_guard.check()
    await pace_opening(services, caller)
    claim = await proven_claim(services, caller, wanted)
    await pace_user(services, caller, claim)
    if wanted.factor_code is not None:
        services.gateway_limits.take_code(caller.gateway_id, claim.identity.user_id)
    typed = await typed_code(services, claim.identity.user_id, wanted.factor_code)
    identity = SessionId(new_id(services.entropy))

    def work(tx: Transaction) -> Admitted | Refused:
        earlier = tx.sessions.by_proof(claim.proof_digest)
        if earlier is not None:
            again = readmit(services, tx, earlier) if _is_retry(tx, earlier, caller, claim) else None
            return again or refuse(tx, caller, claim, "proof_used")
        if tx.jumps.has(claim.proof_digest):
            return refuse(tx, caller, claim, "proof_used")
        epoch = tx.revocation.read_for_open()
        scope = known_gateway(tx, caller).scope  # after the epoch: whoever disables it takes the epoch first, too
        admitted = admit(services, tx, Asked(claim, caller, identity, epoch, typed, scope))
        if isinstance(admitted, Refused):
            return admitted
        if not tx.sessions.add(admitted.record):
            return refuse(tx, caller, claim, "proof_used")
        for one in admitted.events:
            tx.events.append(one)
        return admitted

    found = await services.store.write(work)
    if isinstance(found, Refused):
        raise found
    # Its gateway forwards nothing before it has heard of this epoch, and should not have to wait for the next look.
    services.bell.heard(found.record.epoch)
    return await _plan(services, found, wanted)


def _is_retry(tx: Transaction, earlier: SessionRecord, caller: GatewayCaller, claim: Claim) -> bool:
    # The gateway did not hear our answer and asks again with the same key: the SSH session id is the idempotency key.
    return (
        earlier.gateway_id == caller.gateway_id
        and earlier.facts.get("session_key") == claim.session_key_digest
        and earlier.started is None
        and earlier.ended is None
        and earlier.end_reason is None
        and earlier.opened + REPLAY_WITHIN > tx.now
    )


def extensions_of(obligations: Obligations) -> tuple[str, ...]:
    """What the session certificate carries, so that the node enforces the plan as well."""
    given = ["permit-pty"] if obligations.permit_shell or obligations.permit_exec else []
    if obligations.recording is RecordingLevel.STRICT:
        return tuple(given)  # nothing passes then that is not stored, and neither is what is forwarded
    # OpenSSH knows one permission for both directions, so that the one not given is for the gateway alone to refuse.
    if obligations.port_forwarding_local or obligations.port_forwarding_remote:
        given.append("permit-port-forwarding")
    if obligations.forward_agent:
        given.append("permit-agent-forwarding")
    return tuple(given)


async def _plan(services: Services, admitted: Admitted, wanted: OpenSession) -> SessionPlan:
    session = admitted.record
    try:
        signed = await services.signer.sign_session_ssh(
            session_id=session.id,
            node_id=session.node_id,
            login=session.login,
            public_key=wanted.session_public_key,
            extensions=extensions_of(admitted.obligations),
        )
    except DoorwardError:
        await services.store.write(lambda tx: end_presumed(tx, session, EndReason.UPSTREAM_CLOSED, "not signed"))
        raise
    return SessionPlan(
        session_id=session.id,
        node_id=session.node_id,
        node_name=session.node_name,
        address=admitted.address,
        login=session.login,
        user_id=session.user_id,
        user_name=session.user_name,
        basis=session.basis,
        certificate=signed.certificate,
        node_host_authorities=list(services.keys.node_host),
        host_principal=node_principal(session.node_id),
        host_key=admitted.host.host_key,
        host_key_fingerprint=admitted.host.fingerprint,
        obligations=dict(admitted.obligations.dump()),
        remaining_seconds=max(0.0, (session.deadline - services.clock.now()).total_seconds()),
        epoch=session.epoch,
        recording_level=session.level_asked,
        installation_id=services.installation_id,
        factor_remaining_seconds=_factor_remaining(session, admitted.obligations, services.clock.now()),
    )


def _factor_remaining(session: SessionRecord, obligations: Obligations, now: datetime) -> float | None:
    given = session.facts.get(FACTOR_GIVEN)
    if given is None:
        return None
    counts_until = from_micros(given) + obligations.mfa_verification_interval
    return max(0.0, (counts_until - now).total_seconds())
