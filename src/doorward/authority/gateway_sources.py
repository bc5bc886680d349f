"""From which addresses gateways are seen: whom nodes are told not to turn away for what others did.

Kept in memory: each gateway calls every other second, so that a fresh process knows them again at once. A gateway on
the authority's own host is seen at a loopback address, which says nothing to a node and is left out.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from doorward.base.ids import GatewayId

SEEN_MAX: Final = 10_000


@dataclass(slots=True)
class GatewaySources:
    """One per authority process."""

    _seen: dict[GatewayId, str] = field(default_factory=dict)

    def saw(self, gateway_id: GatewayId, source: str) -> None:
        """The gateway called from there just now; what is no address is not kept."""
        try:
            address = ipaddress.ip_address(source)
        except ValueError:
            return
        if isinstance(address, ipaddress.IPv6Address):
            if address.scope_id is not None:
                return
            address = address.ipv4_mapped or address
        if gateway_id in self._seen or len(self._seen) < SEEN_MAX:
            self._seen[gateway_id] = str(address)

    def addresses(self, gateways: Iterable[GatewayId]) -> tuple[str, ...]:
        """Where these were last seen, loopback left out."""
        found = {self._seen[one] for one in gateways if one in self._seen}
        return tuple(sorted(one for one in found if not ipaddress.ip_address(one).is_loopback))
