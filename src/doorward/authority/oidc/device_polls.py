"""How often a device flow is asked about: at the provider's interval, five seconds more when it says so."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from doorward.base.clock import Clock

FLOWS_MAX: Final = 10_000
SLOWER_SECONDS: Final = 5  # RFC 8628, 3.5
INTERVAL_SECONDS_MAX: Final = 120
# Early by less than this is the network's doing.
EARLY_SECONDS: Final = 0.5


@dataclass(slots=True)
class _Pace:
    interval_seconds: int
    next: float


class DevicePolls:
    """The pace of each begun flow; a flow that this process does not know goes at the standard's pace."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._paces: OrderedDict[str, _Pace] = OrderedDict()

    def begin(self, flow_id: str, interval_seconds: int) -> None:
        """Set a flow's pace."""
        self._paces[flow_id] = _Pace(interval_seconds, self._clock.elapsed_seconds() + interval_seconds)
        while len(self._paces) > FLOWS_MAX:
            self._paces.popitem(last=False)

    def may_ask(self, flow_id: str) -> bool:
        """Whether it is time; the next turn begins now if it is."""
        if flow_id not in self._paces:
            self.begin(flow_id, SLOWER_SECONDS)
            return True
        pace = self._paces[flow_id]
        now = self._clock.elapsed_seconds()
        if now < pace.next - EARLY_SECONDS:
            return False
        pace.next = now + pace.interval_seconds
        return True

    def slow_down(self, flow_id: str) -> None:
        """The provider wants to be asked less often."""
        pace = self._paces.get(flow_id)
        if pace is not None:
            pace.interval_seconds = min(pace.interval_seconds + SLOWER_SECONDS, INTERVAL_SECONDS_MAX)
            pace.next = self._clock.elapsed_seconds() + pace.interval_seconds

    def interval_seconds(self, flow_id: str) -> int:
        """The pace now."""
        pace = self._paces.get(flow_id)
        return pace.interval_seconds if pace is not None else SLOWER_SECONDS

    def forget(self, flow_id: str) -> None:
        """The flow is over."""
        self._paces.pop(flow_id, None)
