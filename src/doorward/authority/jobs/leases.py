"""Gateways that do not renew their lease, and sessions that outlive what anyone still knows of them.

A lost gateway may still be relaying for as long as each session's `on_control_loss` lets it, and may come back within
that time: so its sessions are shown as `ending (gateway_lost)`, and only when lease and rest have run out does the
authority say that they are over, since only then has the gateway cut them.
"""

from datetime import datetime, timedelta
from typing import Final

from doorward.authority.noting import note
from doorward.authority.ports import Transaction
from doorward.base.clock import to_micros
from doorward.base.ids import GatewayId
from doorward.domain.access.obligations import Obligations
from doorward.domain.audit.event import SYSTEM, Subjects, event
from doorward.domain.audit.events_machines import GATEWAY_LEASE_LOST
from doorward.domain.audit.events_sessions import SESSION_ENDED
from doorward.domain.identity.machines import Gateway
from doorward.domain.sessions.record import LEVEL_UNKNOWN, PRESUMED, SessionRecord
from doorward.domain.sessions.states import EndReason, SessionState

OPENING_MAX: Final = timedelta(minutes=2)
PAST_DEADLINE: Final = timedelta(seconds=30)


def end_presumed(tx: Transaction, session: SessionRecord, reason: EndReason, how: str) -> bool:
    """End a session that no gateway will report on any more."""
    ended = tx.sessions.end(
        session.id,
        reason,
        tx.now,
        level_achieved=LEVEL_UNKNOWN,
        bytes_in=session.bytes_in,
        bytes_out=session.bytes_out,
        facts={**session.facts, PRESUMED: True},
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
    return Obligations.load_stored(session.obligations).on_control_loss


def is_lost(gateway: Gateway, now: datetime) -> bool:
    """Whether the gateway's lease has run out."""
    return gateway.lease_until is not None and gateway.lease_until <= now


Losses = frozenset[tuple[GatewayId, datetime]]


def look_at_leases(tx: Transaction, noted: Losses) -> tuple[int, Losses]:
    """Note losses that are not in `noted`, end what is over; answers how many sessions ended, and what is noted now."""
    ended = 0
    lost: set[tuple[GatewayId, datetime]] = set()
    for gateway in tx.gateways.with_removed():
        if gateway.lease_until is None or not is_lost(gateway, tx.now):
            continue
        sessions = tx.sessions.live_of_gateway(gateway.id)
        if sessions and (gateway.id, gateway.lease_until) not in noted:
            _note_loss(tx, gateway, gateway.lease_until, len(sessions))
        lost.add((gateway.id, gateway.lease_until))
        ended += sum(
            end_presumed(tx, one, EndReason.GATEWAY_LOST, "presumed")
            for one in sessions
            if gateway.lease_until + control_rest(one) <= tx.now
        )
    return ended, frozenset(lost)


def _note_loss(tx: Transaction, gateway: Gateway, lease_until: datetime, sessions: int) -> None:
    fields = {"name": gateway.name, "sessions": sessions, "lease_until_micros": to_micros(lease_until)}
    note(tx, GATEWAY_LEASE_LOST, SYSTEM, fields, Subjects(gateway=gateway.id))


def end_overdue(tx: Transaction) -> int:
    """Sessions that never started, or are long past their deadline, while their gateway is well: presumed ended."""
    count = 0
    for one in tx.sessions.live():
        never_started = one.state is SessionState.OPENING and one.opened + OPENING_MAX <= tx.now
        overdue = one.deadline + PAST_DEADLINE <= tx.now
        if never_started or overdue:
            count += end_presumed(tx, one, EndReason.EXPIRED if overdue else EndReason.UPSTREAM_CLOSED, "overdue")
    return count
