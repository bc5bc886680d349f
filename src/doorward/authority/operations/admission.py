"""Whether a proven claim becomes a session: the sign-in, the lookups, the decision, and what is written of it.

Runs inside the transaction that opens the session. An unknown node takes the same path as a forbidden one: it is
decided upon as a resource without labels, and then refused whatever the answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from doorward.authority.callers import GatewayCaller
from doorward.authority.noting import note
from doorward.authority.operations.proofs import Claim
from doorward.authority.operations.threshold import Allowed, Asked, has_interval, meet_factor, reachable
from doorward.authority.operations.told_events import subjects_of
from doorward.authority.policy import PolicyView, UnknownSubject
from doorward.authority.ports import Transaction
from doorward.authority.services import Services
from doorward.authority.traces import trace_digest, trace_fields
from doorward.base.clock import to_micros
from doorward.base.errors import Refused
from doorward.base.ids import NodeId
from doorward.domain.access.decide import decide
from doorward.domain.access.gateway_scope import in_scope
from doorward.domain.access.locks import facts_of, locked_text, locks_hit
from doorward.domain.access.obligations import Obligations
from doorward.domain.access.question import Context, Target, Wanted
from doorward.domain.access.verdict import Allow, Decision
from doorward.domain.audit.event import Actor, Event, Subjects
from doorward.domain.audit.events_people import MFA_VERIFIED
from doorward.domain.audit.events_sessions import DECISION_MADE, SESSION_OPENED, SESSION_REFUSED
from doorward.domain.identity.factors import GivenFactor
from doorward.domain.identity.machines import NodeHost
from doorward.domain.sessions.record import FACTOR_GIVEN, SessionRecord
from doorward.domain.sessions.states import FIRST_STATE

GATEWAY_SCOPE: Final = "gateway_scope"
"""Allowed, but not by this gateway: answered like a node that does not exist, since no role of the user says so."""
# No stored node has this id: ids are drawn at random and this one is not.
_NOWHERE: Final = Target(kind="node", id="", name="", labels={})


class SessionRefused(Refused):
    """The one line that a refused user sees: the same whatever the reason, unless the user is locked as a whole."""

    code = "session_refused"


@dataclass(frozen=True, slots=True)
class Admitted:
    """What goes into the session's row, its plan and the log."""

    record: SessionRecord
    obligations: Obligations
    address: str
    host: NodeHost
    events: Sequence[Event]


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
    user = tx.resources.by_id("user", claim.identity.user_id)
    if user is not None:  # who was removed meanwhile has no name any more
        fields["user_name"] = user.name
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
        refused = refuse(tx, asked.caller, claim, reason, trace_digest(decision))
        # Of the user alone, not of the node or the account: so it is the same line for a node that does not exist.
        locked = locks_hit(view.locks, facts_of(prepared.subject), tx.now)
        return SessionRefused(locked_text(locked)) if locked else refused
    if not in_scope(asked.scope, target.labels):
        tx.events.append(noted)
        return refuse(tx, asked.caller, claim, GATEWAY_SCOPE, trace_digest(decision))
    found = Allowed(view, sign_in, context, decision, noted, prepared.subject.user_name)
    return _opening(tx, asked, found)


def readmit(services: Services, tx: Transaction, earlier: SessionRecord) -> Admitted | None:
    """What a gateway that did not hear its plan is told again; nothing is decided, counted or spent twice.

    Had access ended since, the session would have been cut, and its proof would count as used.
    """
    found = services.policy.view(tx).nodes.get(earlier.node_id)
    host = tx.node_hosts.get(earlier.node_id)
    if found is None or host is None:
        return None
    return Admitted(earlier, Obligations.load_stored(earlier.obligations), found[1].address, host, ())


def _target(view: PolicyView, name: str) -> Target:
    found = view.node_names.get(name)
    return view.targets[found] if found is not None else _NOWHERE


def _opening(tx: Transaction, asked: Asked, found: Allowed) -> Admitted | Refused:
    claim, decision = asked.claim, found.decision
    stored, node = found.view.nodes[found.view.node_names[claim.node_name]]
    node_id = NodeId(stored.id)
    obligations = decision.obligations
    host = reachable(tx, asked, found, tx.node_hosts.get(node_id))
    if isinstance(host, Refused):
        return _shut(tx, asked, found, host)
    factor = meet_factor(tx, asked, found)
    if isinstance(factor, Refused):
        return _shut(tx, asked, found, factor)
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
        deadline=decision.until,  # by then its time, its sign-in or its grant is over: `decide` has looked at all
        level_asked=obligations.recording.text,
        facts=_facts(asked, found, factor),
    )
    events = [found.noted, _opened_event(record, decision)]
    if asked.typed is not None and asked.typed.spends is not None:
        events.append(_factor_event(record))
    return Admitted(record, obligations, node.address, host, events)


def _shut(tx: Transaction, asked: Asked, found: Allowed, refused: Refused) -> Refused:
    """Allowed, and still no session: the decision is in the log, and then why it opened nothing."""
    tx.events.append(found.noted)
    refuse(tx, asked.caller, asked.claim, refused.code, trace_digest(found.decision))
    return refused


def _facts(asked: Asked, found: Allowed, factor: GivenFactor | None) -> dict[str, Any]:
    facts: dict[str, Any] = {"session_key": asked.claim.session_key_digest, "signed_in_from": found.sign_in.source}
    if factor is not None and has_interval(found.decision.obligations):
        facts[FACTOR_GIVEN] = to_micros(factor.at)
    return facts


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
    return Event(SESSION_OPENED, to_micros(record.opened), actor, subjects_of(record), fields)


def _factor_event(record: SessionRecord) -> Event:
    fields: dict[str, Any] = {"factor": "totp", "purpose": "session", "source": record.source}
    actor = Actor.user(record.user_id)
    return Event(MFA_VERIFIED, to_micros(record.opened), actor, subjects_of(record), fields)
