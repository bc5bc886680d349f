"""Gateways that do not renew their lease, and sessions that outlive what anyone still knows of them.

A lost gateway's sessions are `ending (gateway_lost)` until its lease and the rest that each session was granted
(`on_control_loss`) have run out; only then may the authority say that they are over, since only then has the gateway
cut them.
"""

from datetime import datetime, timedelta
from typing import Final

from doorward.authority.ports import Transaction
from doorward.base.clock import to_micros
from doorward.domain.access.obligations import Obligations
from doorward.domain.audit.event import SYSTEM, event
from doorward.domain.audit.events_machines import GATEWAY_LEASE_LOST
from doorward.domain.audit.events_sessions import SESSION_ENDED
from doorward.domain.identity.machines import Gateway
from doorward.domain.sessions.record import SessionRecord
from doorward.domain.sessions.states import EndReason, SessionState

OPENING_MAX: Final = timedelta(minutes=2)
PAST_DEADLINE: Final = timedelta(seconds=30)


def end_presumed(tx: Transaction, session: SessionRecord, reason: EndReason, how: str) -> bool:
    """End a session that no gateway will report on any more."""
    ended = tx.sessions.end(
        session.id,
        reason,
        tx.now,
        level_achieved="unknown",
        bytes_in=session.bytes_in,
        bytes_out=session.bytes_out,
        facts={**session.facts, "presumed": True},
    )
    if ended:
        tx.events.append(
            event(
                SESSION_ENDED,
                tx.now,
                SYSTEM,
                user=session.user_id,
                node=session.node_id,
                session=session.id,
                gateway=session.gateway_id,
                reason=str(session.end_reason or reason),
                how=how,
            )
        )
    return ended


def control_rest(session: SessionRecord) -> timedelta:
    """How long a gateway without its lease lets this session go on."""
    return Obligations.load(session.obligations).on_control_loss


def lose_leases(tx: Transaction) -> int:
    """Mark gateways whose lease ran out, and move their sessions on; answers how many sessions moved."""
    moved = 0
    for gateway in tx.gateways.list():
        if gateway.lease_until is None or gateway.lease_until > tx.now:
            continue
        moved += _lose(tx, gateway, gateway.lease_until)
    return moved


def _lose(tx: Transaction, gateway: Gateway, lease_until: datetime) -> int:
    sessions = tx.sessions.live_of_gateway(gateway.id)
    marked = sum(
        tx.sessions.begin_end(one.id, EndReason.GATEWAY_LOST, "the gateway was lost")
        for one in sessions
        if one.state is not SessionState.ENDING
    )
    if marked:
        tx.events.append(
            event(
                GATEWAY_LEASE_LOST,
                tx.now,
                SYSTEM,
                gateway=gateway.id,
                name=gateway.name,
                sessions=marked,
                lease_until_micros=to_micros(lease_until),
            )
        )
    ended = sum(
        end_presumed(tx, one, EndReason.GATEWAY_LOST, "presumed")
        for one in sessions
        if lease_until + control_rest(one) <= tx.now
    )
    return marked + ended


def end_overdue(tx: Transaction) -> int:
    """Sessions that never started, or are long past their deadline, while their gateway is well: presumed ended."""
    count = 0
    for one in tx.sessions.live():
        never_started = one.state is SessionState.OPENING and one.opened + OPENING_MAX <= tx.now
        overdue = one.deadline + PAST_DEADLINE <= tx.now
        if never_started or overdue:
            count += end_presumed(tx, one, EndReason.EXPIRED if overdue else EndReason.UPSTREAM_CLOSED, "overdue")
    return count
