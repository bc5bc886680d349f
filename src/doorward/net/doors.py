"""How many may stand at the door: limits on connections, per address and in total, fair to who is not the cause.

A visit is *silent* until it has sent its first bytes, *unproven* until somebody has signed in, then *inside*. Silent
ones cost little and are many in a flood: beyond the limit the oldest silent visit of the address that has most of them
is closed, so that a newcomer is served even while one address holds ten thousand connections half-open.
"""

import ipaddress
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final


@dataclass(frozen=True, slots=True)
class DoorLimits:
    """Named limits; an address is an IPv4 address or an IPv6 /64."""

    silent_max: int = 2048
    silent_per_address_max: int = 256
    unproven_max: int = 1024
    unproven_per_address_max: int = 64
    inside_max: int = 10_000
    inside_per_address_max: int = 2_000
    first_bytes_seconds: float = 10.0
    sign_in_seconds: float = 120.0


class Stage(Enum):
    """Where a visit stands."""

    SILENT = "silent"
    UNPROVEN = "unproven"
    INSIDE = "inside"
    GONE = "gone"


class Visit:
    """One connection; `leave` is called on every path, any number of times."""

    __slots__ = ("_doors", "address", "close", "stage")

    def __init__(self, doors: "Doors", address: str, close: Callable[[], None]) -> None:
        self._doors = doors
        self.address: Final = address
        self.close: Final = close
        self.stage = Stage.SILENT

    def spoke(self) -> bool:
        """The first bytes have come; False when there is no room for one more who has not signed in."""
        return self._doors.promote(self, Stage.UNPROVEN)

    def proved(self) -> bool:
        """Somebody has signed in; False when the house is full."""
        return self._doors.promote(self, Stage.INSIDE)

    def leave(self) -> None:
        """The connection is gone."""
        self._doors.move(self, Stage.GONE)


class Doors:
    """Counts visits; all on one event loop."""

    def __init__(self, limits: DoorLimits) -> None:
        self.limits: Final = limits
        self._silent: dict[str, OrderedDict[Visit, None]] = {}
        self._count: Counter[Stage] = Counter()
        self._per_address: Counter[tuple[Stage, str]] = Counter()
        self._max = {
            Stage.UNPROVEN: (limits.unproven_max, limits.unproven_per_address_max),
            Stage.INSIDE: (limits.inside_max, limits.inside_per_address_max),
        }

    def arrive(self, address: str, close: Callable[[], None]) -> Visit:
        """A new connection. `close` must close its socket; it is called when the visit has to make room."""
        visit = Visit(self, door_address(address), close)
        self._enter(visit)
        if len(self._silent[visit.address]) > self.limits.silent_per_address_max:
            self._evict(visit.address)
        elif self._count[Stage.SILENT] > self.limits.silent_max:
            self._evict(max(self._silent, key=lambda name: len(self._silent[name])))
        return visit

    def count(self, stage: Stage) -> int:
        """How many visits stand there."""
        return self._count[stage]

    def promote(self, visit: Visit, to: Stage) -> bool:
        """Move on if there is room."""
        total_max, address_max = self._max[to]
        if self._count[to] >= total_max or self._per_address[to, visit.address] >= address_max:
            return False
        self.move(visit, to)
        return True

    def move(self, visit: Visit, to: Stage) -> None:
        """Change a visit's stage; one that is gone stays gone."""
        if visit.stage is Stage.GONE or visit.stage is to:
            return
        self._exit(visit)
        visit.stage = to
        if to is not Stage.GONE:
            self._enter(visit)

    def _evict(self, address: str) -> None:
        oldest = next(iter(self._silent[address]))
        self.move(oldest, Stage.GONE)
        oldest.close()

    def _enter(self, visit: Visit) -> None:
        self._count[visit.stage] += 1
        self._per_address[visit.stage, visit.address] += 1
        if visit.stage is Stage.SILENT:
            self._silent.setdefault(visit.address, OrderedDict())[visit] = None

    def _exit(self, visit: Visit) -> None:
        key = (visit.stage, visit.address)
        self._count[visit.stage] -= 1
        self._per_address[key] -= 1
        if not self._per_address[key]:
            del self._per_address[key]
        if visit.stage is Stage.SILENT:
            group = self._silent[visit.address]
            del group[visit]
            if not group:
                del self._silent[visit.address]


def door_address(address: str) -> str:
    """Whom to count: an IPv4 address, or the /64 that one IPv6 subscriber has."""
    if ":" not in address:
        return address
    packed = ipaddress.IPv6Address(address.partition("%")[0])
    if packed.ipv4_mapped is not None:
        return str(packed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(packed) >> 64 << 64, 64)))
