"""How authority and gateways stay in contact: leases, and the watch by which endings reach sessions.

Both run on one connection each, all the time; a gateway that hears nothing closes by itself when its lease is over.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
from typing import Final

from doorward.api.bodies.gateway_calls import Cut, GatewayTrust, Lease, RenewLease, WatchMessage
from doorward.api.bodies.gateway_calls import JumpCut as SaidJumpCut
from doorward.api.client.trust import PINNED_SERVER_NAME
from doorward.authority.callers import GatewayCaller
from doorward.authority.jobs.leases import end_presumed
from doorward.authority.known_gateway import known_gateway
from doorward.authority.noting import note
from doorward.authority.ports import Transaction
from doorward.authority.services import Services
from doorward.base.errors import Missing
from doorward.domain.audit.event import Actor, Subjects
from doorward.domain.audit.events_machines import GATEWAY_LEASE_REGAINED
from doorward.domain.identity.machines import LEASE_LENGTH, Gateway
from doorward.domain.sessions.jumps import JumpCut
from doorward.domain.sessions.record import SessionCut
from doorward.domain.sessions.states import EndReason, SessionState

LIVE_MAX: Final = 20_000
HEARTBEAT_SECONDS: Final = 1.0
# A session is in the gateway's list from the moment it gets its plan, for which it waits ten seconds with all that it
# asks again (`OPEN_SECONDS` there). This is longer, and as long as the same proof may ask again (`REPLAY_WITHIN`): no
# plan is on its way any more. Until then an opening session counts against its user's connections.
UNSEEN_AFTER: Final = timedelta(seconds=15)
CUTS_IN_LINE_MAX: Final = 60
"""A gateway reads a mebibyte in a line of the watch, and a cut's message may hold 4096 characters."""

_Orders = tuple[Sequence[SessionCut], Sequence[JumpCut]]


async def gateway_trust(services: Services, caller: GatewayCaller) -> GatewayTrust:
    """What the gateway checks users against, and under which names it is known."""

    keys = services.keys

    def work(tx: Transaction) -> Gateway:
        return known_gateway(tx, caller)

    gateway = await services.store.read(work)
    if gateway.trust != keys.trust:
        # Before it is answered: a rotation waits for those that were not told, not for those whose answer was lost,
        # who ask again (`WatchMessage.trust`).
        await services.store.write(lambda tx: tx.gateways.told_trust(caller.gateway_id, keys.trust))
    splice = services.splice_keys.of(caller.gateway_id, services.clock.now())
    return GatewayTrust(
        installation_id=services.installation_id,
        gateway_id=caller.gateway_id,
        user_authorities=list(keys.user_ssh),
        names=list(gateway.names),
        authority_names=[*services.names, PINNED_SERVER_NAME],
        node_suffix=services.node_suffix,
        splice_key=splice.key,
        splice_key_name=splice.name,
        user_x509_authorities=list(keys.x509_user),
        trust=keys.trust,
    )


async def renew_lease(services: Services, caller: GatewayCaller, said: RenewLease) -> Lease:
    """Ten more seconds; settles which sessions and jump connections are still alive on either side."""
    here, jumps_here = frozenset(said.live[:LIVE_MAX]), frozenset(said.jumps[:LIVE_MAX])

    def work(tx: Transaction) -> Lease:
        gateway = known_gateway(tx, caller)
        if gateway.lease_until is not None and gateway.lease_until < tx.now:
            fields = {"name": gateway.name, "lost_seconds": int((tx.now - gateway.lease_until).total_seconds())}
            note(
                tx,
                GATEWAY_LEASE_REGAINED,
                Actor.gateway(gateway.id),
                fields,
                Subjects(gateway=gateway.id),
            )
        tx.gateways.renew_lease(gateway.id, tx.now + LEASE_LENGTH)
        known = {one.id: one for one in tx.sessions.live_of_gateway(gateway.id)}
        for one in known.values():
            if one.id not in here and one.opened + UNSEEN_AFTER <= tx.now:
                how = "never on its gateway" if one.state is SessionState.OPENING else "not on its gateway any more"
                end_presumed(tx, one, EndReason.GATEWAY_LOST, how)
        jumps = tx.jumps.live_of_gateway(gateway.id)
        closed = [one for one, opened in jumps.items() if one not in jumps_here and opened + UNSEEN_AFTER <= tx.now]
        tx.jumps.end(closed)
        return Lease(
            remaining_seconds=LEASE_LENGTH.total_seconds(),
            epoch=tx.revocation.current(),
            unknown=sorted(one for one in here if one not in known),
            unknown_jumps=sorted(one for one in jumps_here if one not in jumps),
        )

    lease = await services.store.write(work)
    services.gateway_sources.saw(caller.gateway_id, caller.source)
    return lease


async def watch(services: Services, caller: GatewayCaller, after_epoch: int) -> AsyncIterator[WatchMessage]:
    """Everything after `after_epoch` for this gateway, at once, then whatever is cut, and a heartbeat each second."""
    seen = after_epoch
    said_trust = ""
    last_said = float("-inf")

    def work(tx: Transaction) -> tuple[int, _Orders, bool]:
        gateway = tx.gateways.get(caller.gateway_id)
        if gateway is None or not gateway.is_shown_by(caller.serial, tx.now):
            if last_said == float("-inf"):
                raise Missing("looking for a gateway: there is none of that id")
            # It hears a last time what it must cut: only then is the stream over.
            return tx.revocation.current(), _orders(tx, caller, seen), False
        current = tx.revocation.current()
        # A gateway that has seen more than there is remembers a store from before a backup was restored.
        return current, _orders(tx, caller, max(0, min(seen, current))), True

    while True:
        epoch, orders, is_known = await services.store.read(work)
        now = services.clock.elapsed_seconds()
        trust = services.keys.trust
        is_news = epoch != seen or trust != said_trust or not is_known
        if is_news or now - last_said >= HEARTBEAT_SECONDS:
            for message in _lines_of(orders, seen, epoch, trust):
                yield message
            seen, said_trust = epoch, trust
            last_said = now
        if not is_known:
            return
        await services.bell.wait()


def _orders(tx: Transaction, caller: GatewayCaller, after: int) -> _Orders:
    return tx.cuts.after(caller.gateway_id, after), tx.jumps.cuts_after(caller.gateway_id, after)


def _lines_of(orders: _Orders, seen: int, epoch: int, trust: str) -> Iterator[WatchMessage]:
    """The sessions' cuts first: what is inside a jump is told before its way is closed. The epoch counts as reached
    with the last line only."""
    sessions = [Cut(one.session_id, str(one.reason), one.message, one.epoch) for one in orders[0]]
    jumps = [SaidJumpCut(one.jump_id, one.message) for one in orders[1]]
    while len(sessions) + len(jumps) > CUTS_IN_LINE_MAX:
        room = CUTS_IN_LINE_MAX - len(sessions[:CUTS_IN_LINE_MAX])
        yield WatchMessage(min(seen, epoch), sessions[:CUTS_IN_LINE_MAX], trust, jumps[:room])
        sessions, jumps = sessions[CUTS_IN_LINE_MAX:], jumps[room:]
    yield WatchMessage(epoch, sessions, trust, jumps)
