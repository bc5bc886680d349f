"""Gateways as administrators look after them: which there are, and sending one away.

A gateway that is disabled or removed may not call any more from this moment, its watch stream ends with the order to
cut, and its sessions are presumed over when its lease and their rest have run out: one that was stolen may not obey.
"""

from doorward.api.bodies.administration import GatewayList, GatewayView
from doorward.authority.callers import UserCaller
from doorward.authority.endings import Ending, cut, cut_jumps
from doorward.authority.noting import note
from doorward.authority.operations.joining import require_administrator
from doorward.authority.ports import Transaction
from doorward.authority.services import Services
from doorward.base.errors import Missing
from doorward.domain.audit.event import Actor, Subjects
from doorward.domain.audit.events_machines import GATEWAY_DISABLED, GATEWAY_REMOVED
from doorward.domain.identity.machines import Gateway
from doorward.domain.sessions.states import EndReason

MESSAGE = "the gateway of this session was taken out of service"


async def list_gateways(services: Services, caller: UserCaller) -> GatewayList:
    """All of them, by name."""

    def work(tx: Transaction) -> GatewayList:
        require_administrator(services, tx, caller, "list")
        return GatewayList([_view(tx, one) for one in tx.gateways.list()])

    return await services.store.read(work)


async def disable_gateway(services: Services, caller: UserCaller, name: str) -> GatewayView:
    """It may not call any more; it keeps its name and host names. Doing it twice does nothing."""

    def work(tx: Transaction) -> GatewayView:
        require_administrator(services, tx, caller, "update")
        gateway = _named(tx, name)
        if not gateway.disabled:
            ended = _shut(tx, gateway, caller)
            tx.gateways.disable(gateway.id)
            fields = {"name": name, "sessions": ended}
            note(tx, GATEWAY_DISABLED, Actor.user(caller.user_id), fields, Subjects(gateway=gateway.id))
        return _view(tx, _named(tx, name))

    view = await services.store.write(work)
    services.bell.ring()
    return view


async def remove_gateway(services: Services, caller: UserCaller, name: str) -> GatewayView:
    """As disabling it, for good; its name and host names are free for another. Answers what it was."""

    def work(tx: Transaction) -> GatewayView:
        require_administrator(services, tx, caller, "delete")
        gateway = _named(tx, name)
        ended = _shut(tx, gateway, caller)
        view = _view(tx, gateway)
        tx.gateways.remove(gateway.id, tx.now)
        fields = {"name": name, "names": list(gateway.names), "sessions": ended}
        note(tx, GATEWAY_REMOVED, Actor.user(caller.user_id), fields, Subjects(gateway=gateway.id))
        return view

    view = await services.store.write(work)
    services.bell.ring()
    return view


def _shut(tx: Transaction, gateway: Gateway, caller: UserCaller) -> int:
    ending = Ending.begin(tx)  # first: a session that is opening is found below, or finds the gateway disabled
    if gateway.lease_until is None:
        tx.gateways.renew_lease(gateway.id, tx.now)  # without one, its sessions would never be presumed over
    live = tx.sessions.live_of_gateway(gateway.id)
    actor = Actor.user(caller.user_id)
    jumps = [one for one in tx.jumps.live(tx.now) if one.gateway_id == gateway.id]
    cut_jumps(ending, jumps, EndReason.REVOKED, MESSAGE, actor)
    return cut(ending, live, EndReason.REVOKED, MESSAGE, actor)


def _named(tx: Transaction, name: str) -> Gateway:
    found = next((one for one in tx.gateways.list() if one.name == name), None)
    if found is None:
        raise Missing("looking for a gateway: there is none of that name")
    return found


def _view(tx: Transaction, gateway: Gateway) -> GatewayView:
    leased = gateway.lease_until is not None and gateway.lease_until > tx.now
    return GatewayView(
        id=gateway.id,
        name=gateway.name,
        names=list(gateway.names),
        joined=gateway.joined.isoformat(),
        state="disabled" if gateway.disabled else "in contact" if leased else "lost",
        lease_until=gateway.lease_until.isoformat() if gateway.lease_until else None,
        sessions=len(tx.sessions.live_of_gateway(gateway.id)),
    )
