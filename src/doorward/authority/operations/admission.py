"""Whether a proven claim becomes a session: the sign-in, the lookups, the decision, and what is written of it.

Runs inside the transaction that opens the session. An unknown node takes the same path as a forbidden one: it is
decided upon as a resource without labels, and then refused whatever the answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from doorward.authority.callers import GatewayCaller
from doorward.authority.factor_failures import count_failure, is_blocked
from doorward.authority.noting import note
from doorward.authority.operations.proofs import UNBOUND, Claim
from doorward.authority.policy import PolicyView, UnknownSubject
from doorward.authority.ports import Transaction
from doorward.authority.services import Services
from doorward.authority.traces import trace_digest, trace_fields
from doorward.base.clock import to_micros
from doorward.base.errors import Refused
from doorward.base.ids import NodeId, SessionId
from doorward.domain.access.decide import decide
from doorward.domain.access.levels import SecondFactor
from doorward.domain.access.obligations import Obligations
from doorward.domain.access.question import Context, RecentFactor, Target, Wanted
from doorward.domain.access.readiness import Unmet, unmet
from doorward.domain.access.verdict import Allow, Decision
from doorward.domain.audit.event import Actor, Event, Subjects
from doorward.domain.audit.events_people import MFA_VERIFIED
from doorward.domain.audit.events_sessions import DECISION_MADE, SESSION_OPENED, SESSION_REFUSED
from doorward.domain.identity.factors import GivenFactor
from doorward.domain.identity.machines import NodeHost
from doorward.domain.identity.sign_in import SignIn
from doorward.domain.sessions.record import SessionRecord
from doorward.domain.sessions.states import FIRST_STATE

_OWED: Final = {
    Unmet.SECOND_FACTOR: "{name} needs a code of your second factor for each session",
    Unmet.WEBAUTHN: "{name} needs a passkey for each session, which ssh can not ask for",
    Unmet.TRUSTED_DEVICE: "{name} needs a trusted device",
    Unmet.SOURCE_ADDRESS: "{name} can be reached only from the address at which you signed in",
}
CRITICALITY: Final = "criticality"
CRITICAL: Final = "critical"
# No stored node has this id: ids are drawn at random and this one is not.
_NOWHERE: Final = Target(kind="node", id="", name="", labels={})


class SessionRefused(Refused):
    """The one line that a refused user sees, whatever the reason."""

    code = "session_refused"


class FactorRequired(Refused):
    """The session needs a second factor of its own, given for this very session."""

    code = "factor_required"


class NodeUnverified(Refused):
    """Allowed, but nobody has vouched for the node's host key yet."""

    code = "node_unverified"


class ProofUnbound(Refused):
    """Allowed, but the client signed neither the node nor what it was shown, and the node is critical."""

    code = "proof_unbound"


class TooManySessions(Refused):
    """Allowed, but as many sessions are open as the role permits."""

    code = "too_many_sessions"


@dataclass(frozen=True, slots=True)
class Asked:
    """One attempt; `factor` is the step of a factor that was given for it, (factor id, step), `failed` a wrong one."""

    claim: Claim
    caller: GatewayCaller
    session_id: SessionId
    epoch: int
    factor: tuple[str, int] | None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Admitted:
    """What goes into the session's row, its plan and the log."""

    record: SessionRecord
    obligations: Obligations
    address: str
    host: NodeHost
    events: Sequence[Event]


async def factor_step(services: Services, claim: Claim, code: str | None) -> tuple[str, int] | None:
    """The time step that a typed code belongs to, asked of the signer beforehand; None without a right one."""
    if not code:
        return None
    user_id = claim.identity.user_id
    factors = await services.store.read(lambda tx: () if is_blocked(tx, user_id) else tx.totp.list(user_id))
    for factor in factors:
        if factor.confirmed is None:
            continue
        step = await services.signer.check_totp(
            user_id=user_id, sealed=factor.sealed, code=code, after_step=factor.last_step
        )
        if step is not None:
            return factor.id, step
    return None


def refuse(tx: Transaction, caller: GatewayCaller, claim: Claim, reason: str, digest: str = "") -> Refused:
    """Note a refusal of someone known; the answer is the same for every reason."""
    fields: dict[str, Any] = {
        "reason": reason,
        "trace_sha256": digest,
        "proof_kind": claim.proof_kind,
        "node_asked": claim.node_name,
        "login_asked": claim.login,
        "source": claim.source,
    }
    subjects = Subjects(user=claim.identity.user_id, sign_in=claim.identity.sign_in_id, gateway=caller.gateway_id)
    actor = Actor.gateway(caller.gateway_id)
    note(tx, SESSION_REFUSED, actor, fields, subjects)
    return SessionRefused(
        f"access to {claim.node_name} as {claim.login} is refused, or there is no such node; "
        f"ask why: dw explain ssh {claim.login}@{claim.node_name}"
    )


def admit(services: Services, tx: Transaction, asked: Asked) -> Admitted | Refused:
    """The session to be, or why not (already noted)."""
    claim = asked.claim
    sign_in = tx.sign_ins.by_ssh_serial(claim.identity.serial)
    whose = (claim.identity.user_id, claim.identity.sign_in_id)
    if sign_in is None or (sign_in.user_id, sign_in.id) != whose or not sign_in.is_live(tx.now):
        return refuse(tx, asked.caller, claim, "sign_in_over")
    view = services.policy.view(tx)
    target = _target(view, claim.node_name)
    wanted = Wanted(login=claim.login)
    context = Context(
        mfa=SecondFactor.NO if asked.factor is None else SecondFactor.YES,
        source_address=claim.source,
        signed_in_from=sign_in.source,
        session_id=asked.session_id,
        sign_in_ends=sign_in.expires,
    )
    try:
        prepared = view.prepared(claim.identity.user_id, sign_in.id)
    except UnknownSubject:
        return refuse(tx, asked.caller, claim, "unknown_subject")
    decision = decide(prepared, target, wanted, view.locks, context, tx.now)
    noted = _decision_event(tx, asked, target, decision, counter=view.counter, user_name=prepared.subject.user_name)
    if not isinstance(decision, Allow) or target is _NOWHERE:
        tx.events.append(noted)
        reason = "unknown_node" if isinstance(decision, Allow) else str(decision.reasons[0].value)
        return refuse(tx, asked.caller, claim, reason, trace_digest(decision))
    found = _Found(view, sign_in, context, decision, noted, prepared.subject.user_name)
    return _opening(tx, asked, found)


def readmit(services: Services, tx: Transaction, earlier: SessionRecord) -> Admitted | None:
    """What a gateway that did not hear its plan is told again; nothing is decided, counted or spent twice.

    Had access ended since, the session would have been cut, and its proof would count as used.
    """
    found = services.policy.view(tx).nodes.get(earlier.node_id)
    host = tx.node_hosts.get(earlier.node_id)
    if found is None or host is None:
        return None
    return Admitted(earlier, Obligations.load(earlier.obligations), found[1].address, host, ())


def _target(view: PolicyView, name: str) -> Target:
    found = view.node_names.get(name)
    return view.targets[found] if found is not None else _NOWHERE


@dataclass(frozen=True, slots=True)
class _Found:
    """What admission found out on its way to an allow."""

    view: PolicyView
    sign_in: SignIn
    context: Context
    decision: Allow
    noted: Event
    user_name: str


def _opening(tx: Transaction, asked: Asked, found: _Found) -> Admitted | Refused:
    claim, decision = asked.claim, found.decision
    stored, node = found.view.nodes[found.view.node_names[claim.node_name]]
    node_id = NodeId(stored.id)
    obligations = decision.obligations
    host = tx.node_hosts.get(node_id)
    shut = _shut(tx, asked, found, host)
    if shut is not None or host is None:
        tx.events.append(found.noted)
        refused = refuse(tx, asked.caller, claim, shut.code if shut else "node_unverified", trace_digest(decision))
        return shut or refused
    record = SessionRecord(
        id=asked.session_id,
        state=FIRST_STATE,
        proof_digest=claim.proof_digest,
        proof_kind=claim.proof_kind,
        user_id=claim.identity.user_id,
        user_name=found.user_name,
        sign_in_id=found.sign_in.id,
        node_id=node_id,
        node_name=claim.node_name,
        login=claim.login,
        gateway_id=asked.caller.gateway_id,
        source=claim.source,
        basis=decision.basis,
        obligations=obligations.dump(),
        epoch=asked.epoch,
        opened=tx.now,
        deadline=min(decision.until, found.sign_in.expires, tx.now + obligations.max_session_ttl),
        level_asked=obligations.recording.text,
        facts={"session_key": claim.session_key_digest, "signed_in_from": found.sign_in.source},
    )
    events = [found.noted, _opened_event(record, decision)]
    if asked.factor is not None:
        events.append(_factor_event(record))
    return Admitted(record, obligations, node.address, host, events)


def _with_recent_factor(tx: Transaction, asked: Asked, found: "_Found") -> Context:
    """The context with what was given lately, looked up only when it can matter."""
    obligations = found.decision.obligations
    if not obligations.require_session_mfa or not obligations.mfa_verification_interval:
        return found.context
    given = tx.recent_factors.get(asked.claim.identity.user_id, asked.claim.source)
    if given is None:
        return found.context
    recent = RecentFactor(SecondFactor(given.level), given.at, given.source)
    return replace(found.context, recent_factor=recent)


def _shut(tx: Transaction, asked: Asked, found: "_Found", host: NodeHost | None) -> Refused | None:
    """What keeps an allowed session from opening; told plainly, since its user may know of the node."""
    name, user_name, obligations = asked.claim.node_name, found.user_name, found.decision.obligations
    owed = unmet(obligations, _with_recent_factor(tx, asked, found), tx.now)
    if owed:
        if asked.failed and owed[0] is Unmet.SECOND_FACTOR:
            return _wrong_code(tx, asked, user_name)
        return FactorRequired(_OWED[owed[0]].format(name=name))
    if asked.factor is not None:
        # Looked at again here: of many codes tried at once, those that wait are refused when the first have failed.
        if is_blocked(tx, asked.claim.identity.user_id):
            return _wrong_code(tx, asked, user_name)
        if not tx.totp.advance(*asked.factor):
            return FactorRequired("that code was used already; wait for the next one")
        tx.failures.clear(asked.claim.identity.user_id)
        tx.recent_factors.put(GivenFactor(asked.claim.identity.user_id, asked.claim.source, SecondFactor.YES, tx.now))
    if asked.claim.proof_kind == UNBOUND and _is_critical(found.view, name):
        return ProofUnbound(
            f"{name} is critical, and this ssh client signs in without saying where: "
            "use OpenSSH 8.9 or later, or ssh LOGIN@NODE@GATEWAY"
        )
    if host is None:
        return NodeUnverified(f"{name} is not verified yet: an administrator runs dw nodes setup {name}")
    limit = min(obligations.max_sessions, obligations.max_connections)
    if tx.sessions.live_count_of(asked.claim.identity.user_id) >= limit:
        return TooManySessions(f"you have {limit} open sessions already, which is the most that your roles permit")
    return None


def _is_critical(view: PolicyView, node_name: str) -> bool:
    return view.targets[view.node_names[node_name]].labels.get(CRITICALITY) == CRITICAL


def _wrong_code(tx: Transaction, asked: Asked, user_name: str) -> FactorRequired:
    user_id = asked.claim.identity.user_id
    if is_blocked(tx, user_id):
        return FactorRequired("too many wrong codes; wait a while before you try another")
    count_failure(tx, user_id, user_name, asked.claim.source)
    return FactorRequired("that code is wrong, or was used already")


def _subjects(asked: Asked, node_id: str) -> Subjects:
    identity = asked.claim.identity
    return Subjects(
        user=identity.user_id,
        node=node_id,
        session=asked.session_id,
        sign_in=identity.sign_in_id,
        gateway=asked.caller.gateway_id,
    )


def _decision_event(
    tx: Transaction, asked: Asked, target: Target, decision: Decision, *, counter: int, user_name: str
) -> Event:
    fields: dict[str, Any] = {
        **trace_fields(decision),
        "purpose": "open_session",
        "change_counter": counter,
        "node_name": target.name,
        "login": asked.claim.login,
        "user_name": user_name,
        "source": asked.claim.source,
    }
    actor = Actor.gateway(asked.caller.gateway_id)
    return Event(DECISION_MADE, to_micros(tx.now), actor, _subjects(asked, target.id), fields)


def _record_subjects(record: SessionRecord) -> Subjects:
    return Subjects(
        user=record.user_id,
        node=record.node_id,
        session=record.id,
        sign_in=record.sign_in_id,
        gateway=record.gateway_id,
    )


def _opened_event(record: SessionRecord, decision: Allow) -> Event:
    fields: dict[str, Any] = {
        "basis": record.basis,
        "trace_sha256": trace_digest(decision),
        "proof_kind": record.proof_kind,
        "proof_sha256": record.proof_digest.hex(),
        "level_asked": record.level_asked,
        "obligations": dict(record.obligations),
        "epoch": record.epoch,
        "deadline_micros": to_micros(record.deadline),
        "node_name": record.node_name,
        "login": record.login,
        "user_name": record.user_name,
        "source": record.source,
    }
    actor = Actor.gateway(record.gateway_id)
    return Event(SESSION_OPENED, to_micros(record.opened), actor, _record_subjects(record), fields)


def _factor_event(record: SessionRecord) -> Event:
    fields: dict[str, Any] = {"factor": "totp", "purpose": "session", "source": record.source}
    actor = Actor.user(record.user_id)
    return Event(MFA_VERIFIED, to_micros(record.opened), actor, _record_subjects(record), fields)
