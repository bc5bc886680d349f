"""How access ends inside a transaction: sessions are cut, and live ones are decided anew.

Whatever ends access advances the revocation epoch first, in the same transaction, whether or not it will find anything
to end: it waits for the sessions that are opening and then sees them, and those that open later wait for it and then
read the new epoch and the new policy. `Ending` is the proof of that order, so nothing here can be called without. The
gateways learn of it through their watch streams.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from doorward.authority.policy import PolicyView, UnknownSubject
from doorward.authority.ports import Transaction
from doorward.base.ids import NodeId, SignInId, UserId
from doorward.domain.access.criticality import is_critical, on_critical
from doorward.domain.access.decide import decide
from doorward.domain.access.gateway_scope import Scope, in_scope
from doorward.domain.access.levels import SecondFactor
from doorward.domain.access.locks import Lock, facts_of, locks_hit
from doorward.domain.access.obligations import Obligations
from doorward.domain.access.question import Context, Target, Wanted
from doorward.domain.access.verdict import Allow, Deny, Reason
from doorward.domain.audit.event import Actor, event
from doorward.domain.audit.events_people import SIGN_IN_ENDED
from doorward.domain.audit.events_policy import POLICY_REDECIDED
from doorward.domain.audit.events_sessions import JUMP_CUT_ORDERED, SESSION_CUT_ORDERED
from doorward.domain.identity.sign_in import SignIn, SignInEnd
from doorward.domain.sessions.jumps import LiveJumps
from doorward.domain.sessions.record import UNBOUND, SessionCut, SessionRecord
from doorward.domain.sessions.states import EndReason, SessionState

MESSAGES = {
    EndReason.LOCKED: "your access was locked",
    EndReason.POLICY_CHANGED: "your access changed and no longer covers this session",
    EndReason.CRITICALITY_RISEN: "the node is critical now; connect again",
    EndReason.REVOKED: "an administrator ended this session",
    EndReason.DROPPED: "you signed out",
}
NOTHING_OPENS = "your access changed and nothing opens by it any more"
SIGN_IN_ENDED_BY_OTHERS = "an administrator ended your sign-in"
SIGN_IN_MESSAGES = {
    SignInEnd.SIGNED_OUT: MESSAGES[EndReason.DROPPED],
    SignInEnd.PROVIDER_LOGGED_OUT: "you signed out at your identity provider",
    SignInEnd.PROVIDER_REFUSED: "your identity provider ended your sign-in",
    SignInEnd.CLAIMS_TOO_OLD: "your identity provider could not be asked for too long",
}


@dataclass(frozen=True, slots=True)
class Ending:
    """A unit of work that ends access, at its epoch; made by `begin` alone."""

    tx: Transaction
    epoch: int

    @classmethod
    def begin(cls, tx: Transaction) -> Self:
        """Wait for who is opening, hold off who comes. Before the unit of work writes anything else or looks at what is
        live: a row that it held already could be waited for by somebody who holds the epoch."""
        return cls(tx, tx.revocation.advance())


def cut(ending: Ending, sessions: Iterable[SessionRecord], reason: EndReason, message: str, actor: Actor) -> int:
    """Order the gateways to end these sessions; answers how many were still open.

    A lost gateway's sessions too: it may be back before their rest is over, and learns of it then.
    """
    tx, epoch = ending.tx, ending.epoch
    moved = [one for one in sessions if tx.sessions.begin_end(one.id, reason, message)]
    for one in moved:
        tx.cuts.add(SessionCut(epoch, one.id, one.gateway_id, reason, message))
        tx.events.append(
            event(
                SESSION_CUT_ORDERED,
                tx.now,
                actor,
                user=one.user_id,
                node=one.node_id,
                session=one.id,
                gateway=one.gateway_id,
                reason=str(reason),
                epoch=epoch,
                message=message,
            )
        )
    return len(moved)


def cut_node(ending: Ending, node_id: NodeId, message: str, actor: Actor) -> int:
    """Cut what is open on a node that is not where, or what, it was."""
    sessions = [one for one in ending.tx.sessions.live() if one.node_id == node_id]
    return cut(ending, sessions, EndReason.TARGET_CHANGED, message, actor)


def cut_jumps(ending: Ending, found: Iterable[LiveJumps], reason: EndReason, message: str, actor: Actor) -> None:
    """Order the gateways to close these jump connections, which nothing but their sign-in opened."""
    tx, epoch = ending.tx, ending.epoch
    for one in found:
        tx.jumps.cut(one, epoch, message)
        tx.events.append(
            event(
                JUMP_CUT_ORDERED,
                tx.now,
                actor,
                user=one.user_id,
                sign_in=one.sign_in_id,
                gateway=one.gateway_id,
                reason=str(reason),
                connections=one.count,
                epoch=epoch,
                message=message,
            )
        )


def why_no_jump(view: PolicyView, user_id: UserId, sign_in_id: SignInId, now: datetime) -> tuple[EndReason, str] | None:
    """Why this sign-in may hold no jump connection, whatever the node; None when it may. What is inside is decided with
    each session: here stands what would refuse every one of them."""
    try:
        prepared = view.prepared(user_id, sign_in_id)
    except UnknownSubject:
        return EndReason.POLICY_CHANGED, NOTHING_OPENS
    hit = locks_hit(view.locks, facts_of(prepared.subject), now)
    return (EndReason.LOCKED, _locked(hit)) if hit else None


def end_sign_ins(ending: Ending, sign_ins: Iterable[SignIn], reason: SignInEnd, actor: Actor, name: str) -> int:
    """End sign-ins and every session that was opened under them; answers how many sign-ins were live."""
    tx = ending.tx
    ended: set[SignInId] = set()
    jumps = tx.jumps.live(tx.now)
    for sign_in in sign_ins:
        if not tx.sign_ins.end(sign_in.id, reason, tx.now):
            continue
        ended.add(sign_in.id)
        sessions = [one for one in tx.sessions.live() if one.sign_in_id == sign_in.id]
        end_reason = EndReason.DROPPED if reason is SignInEnd.SIGNED_OUT else EndReason.REVOKED
        count = cut(ending, sessions, end_reason, SIGN_IN_MESSAGES.get(reason, MESSAGES[end_reason]), actor)
        theirs = [one for one in jumps if one.sign_in_id == sign_in.id]
        cut_jumps(ending, theirs, end_reason, SIGN_IN_MESSAGES.get(reason, SIGN_IN_ENDED_BY_OTHERS), actor)
        tx.events.append(
            event(
                SIGN_IN_ENDED,
                tx.now,
                actor,
                user=sign_in.user_id,
                sign_in=sign_in.id,
                reason=str(reason),
                sessions_ended=count,
                user_name=name,
            )
        )
    return len(ended)


def redecide(ending: Ending, view: PolicyView, actor: Actor) -> int:
    """Decide every live session anew on `view`; answers how many were cut. Call it after every change of policy.

    Jump connections as well: a lock names who holds one, too.
    """
    tx = ending.tx
    for whose in tx.jumps.live(tx.now):
        no_jump = why_no_jump(view, whose.user_id, whose.sign_in_id, tx.now)
        if no_jump is not None:
            cut_jumps(ending, [whose], *no_jump, actor)
    live = [one for one in tx.sessions.live() if one.state is not SessionState.ENDING]
    if not live:
        return 0
    count = 0
    scopes = {one.id: one.scope for one in tx.gateways.list()}
    for one in live:
        found = _verdict(view, one, tx.now, scopes.get(one.gateway_id, {}))
        if found is not None:
            reason, message = found
            count += cut(ending, [one], reason, message, actor)
    tx.events.append(
        event(
            POLICY_REDECIDED,
            tx.now,
            actor,
            change_counter=tx.resources.change_counter(),
            sessions=len(live),
            cut=count,
        )
    )
    return count


def _verdict(view: PolicyView, session: SessionRecord, now: datetime, scope: Scope) -> tuple[EndReason, str] | None:
    target = view.targets.get(session.node_id)
    if target is None:
        return EndReason.TARGET_CHANGED, "the node was removed"
    if not in_scope(scope, target.labels):
        return EndReason.POLICY_CHANGED, "the node is not reached through this gateway any more"
    try:
        prepared = view.prepared(session.user_id, session.sign_in_id)
    except UnknownSubject:
        return EndReason.POLICY_CHANGED, MESSAGES[EndReason.POLICY_CHANGED]
    wanted = Wanted(login=session.login)
    decision = decide(prepared, target, wanted, view.locks, _context_of(session), now)
    match decision:
        case Deny() if Reason.LOCKED in decision.reasons:
            facts = facts_of(prepared.subject, target=target, wanted=wanted, session_id=session.id)
            return EndReason.LOCKED, _locked(locks_hit(view.locks, facts, now))
        case Deny():
            return EndReason.POLICY_CHANGED, MESSAGES[EndReason.POLICY_CHANGED]
        case Allow():
            return _on_allow(session, Obligations.load_stored(session.obligations), decision.obligations, target)


def _locked(hit: Iterable[Lock]) -> str:
    message = next((lock.message for lock in hit if lock.message), "")
    return f"locked: {message}" if message else MESSAGES[EndReason.LOCKED]


def _on_allow(
    session: SessionRecord, frozen: Obligations, now_obliged: Obligations, target: Target
) -> tuple[EndReason, str] | None:
    """Cut what opened under laxer obligations, or on a proof that would not be enough any more."""
    obliged = frozen.merge(now_obliged)
    is_risen = session.proof_kind == UNBOUND or (obliged != frozen and obliged == on_critical(frozen))
    if is_critical(target.labels) and is_risen:
        return EndReason.CRITICALITY_RISEN, MESSAGES[EndReason.CRITICALITY_RISEN]
    if obliged != frozen:
        return EndReason.POLICY_CHANGED, "what your access obliges became stricter; connect again"
    return None


def _context_of(session: SessionRecord) -> Context:
    # The factor that was owed when the session opened was given then; its age is not asked about again.
    return Context(
        mfa=SecondFactor.WEBAUTHN,
        source_address=session.source,
        signed_in_from=str(session.facts.get("signed_in_from", "")) or None,
        session_id=session.id,
        basis=session.basis,
    )
