"""Which claims of a source are believed: keys by which gateways prove whose connections they pass on.

Each gateway has keys of its own, derived from a master key that never leaves the authority, and a new one each hour. A
claim is believed while its gateway is one of ours: one that is disabled or removed claims nothing from that moment. A
key that was stolen from a gateway in service is good for two hours at most.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import digest
from typing import Final

from doorward.authority.ports import Store, Transaction
from doorward.base.clock import Clock
from doorward.base.errors import Unavailable
from doorward.base.ids import GatewayId, is_id
from doorward.wire.proxy_protocol.header import is_proven, key_name_in

PERIOD: Final = timedelta(hours=1)
PERIODS_BELIEVED: Final = 2
"""The one that runs and the one before: gateways ask each half minute."""
_PURPOSE: Final = b"doorward/splice-key/v2\x00"


@dataclass(frozen=True, slots=True)
class SpliceKey:
    """One gateway's key for one hour, and the name under which the authority derives it again."""

    name: str
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SpliceKeys:
    """Hands keys out and judges claims; an empty master key believes nobody."""

    master: bytes = field(repr=False)

    def of(self, gateway_id: GatewayId, now: datetime) -> SpliceKey:
        """The key for a gateway now."""
        name = f"{gateway_id}.{_period(now):x}"
        return SpliceKey(name, self._derived(name))

    def claimed_by(self, header: bytes, now: datetime) -> GatewayId | None:
        """Whose key proves a whole PROXY header, lately handed out; None when none does."""
        name = key_name_in(header) or ""
        gateway_id, _, period = name.partition(".")
        believed = {f"{_period(now) - ago:x}" for ago in range(PERIODS_BELIEVED)}
        if not self.master or not is_id(gateway_id) or period not in believed:
            return None
        return GatewayId(gateway_id) if is_proven(header, self._derived(name)) else None

    def _derived(self, name: str) -> bytes:
        return digest(self.master, _PURPOSE + name.encode("ascii"), sha256) if self.master else b""


@dataclass(frozen=True, slots=True)
class SpliceClaims:
    """Looks at the gateways as they are now, for each claim."""

    keys: SpliceKeys
    store: Store
    clock: Clock

    async def believes(self, header: bytes) -> bool:
        """Whether a gateway in service claims this. The store is asked only of what a key of ours has proven."""
        gateway_id = self.keys.claimed_by(header, self.clock.now())
        if gateway_id is None:
            return False
        claimed_by = gateway_id

        def work(tx: Transaction) -> bool:
            gateway = tx.gateways.get(claimed_by)
            return gateway is not None and not gateway.disabled

        try:
            return await self.store.read(work)
        except Unavailable:
            return False


def _period(now: datetime) -> int:
    return int(now.timestamp() // PERIOD.total_seconds())
