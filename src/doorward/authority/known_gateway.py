"""The gateway behind a call, looked at inside the call's own transaction.

The guard has looked before; in between an administrator may have disabled the gateway, and nothing that it opens then
would be cut.
"""

from doorward.authority.callers import GatewayCaller
from doorward.authority.ports import Transaction
from doorward.base.errors import Missing
from doorward.domain.identity.machines import Gateway


def known_gateway(tx: Transaction, caller: GatewayCaller) -> Gateway:
    """The gateway that calls; `Missing` when it, or the certificate that it showed, counts no more."""
    gateway = tx.gateways.get(caller.gateway_id)
    if gateway is None or not gateway.is_shown_by(caller.serial, tx.now):
        raise Missing("looking for a gateway: there is none of that id")
    return gateway
