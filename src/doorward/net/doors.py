"""How many may stand at the door: limits on connections, per address and in total, fair to who is not the cause.

A visit is *silent* until it has sent its first bytes, *unproven* until somebody has proven who they are, then *inside*.
What is only *passed on* to the authority, which has limits of its own, is counted apart: it can not fill the house.
Nobody of whom nothing is proven keeps a newcomer out: beyond a limit the oldest silent, or unproven, visit of the
address that has most of them is closed, so that one is served even while few addresses hold thousands of connections
half-open. Who is inside stays: a house that is full of them, in total or of one address, takes nobody more and says so.
"""

import ipaddress
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final


@dataclass(frozen=True, slots=True)
class DoorLimits:
    """Named limits; an address is an IPv4 address or an IPv6 /56."""

    silent_max: int = 2048
    silent_per_address_max: int = 256
    unproven_max: int = 1024
    unproven_per_address_max: int = 64
    passed_on_max: int = 4096
    passed_on_per_address_max: int = 256
    inside_max: int = 10_000
    inside_per_address_max: int = 2_000
    first_bytes_seconds: float = 10.0
    sign_in_seconds: float = 120.0


class Stage(Enum):
    """Where a visit stands."""

    SILENT = "silent"
    UNPROVEN = "unproven"
    PASSED_ON = "passed on"
    INSIDE = "inside"
    GONE = "gone"


_MAKING_ROOM: Final = (Stage.SILENT, Stage.UNPROVEN)


class Visit:
    """One connection; `leave` is called on every path, any number of times."""

    __slots__ = ("_doors", "address", "close", "stage")

    def __init__(self, doors: "Doors", address: str, close: Callable[[], None]) -> None:
        self._doors = doors
        self.address: Final = address
        self.close = close
        self.stage = Stage.SILENT

    def taken_over(self, close: Callable[[], None]) -> None:
        """Somebody else has the socket now, and closes it when the visit has to make room."""
        self.close = close

    def spoke(self) -> bool:
        """The first bytes have come; False when there is no place inside that this visit could ever get."""
        return self._doors.admits(Stage.INSIDE, self.address) and self._doors.promote(self, Stage.UNPROVEN)

    def passed_on(self) -> bool:
        """It goes on to the authority; False when there is no room."""
        return self._doors.promote(self, Stage.PASSED_ON)

    def proved(self) -> bool:
        """Somebody has proven who they are; False when the house is full."""
        return self._doors.promote(self, Stage.INSIDE)

    def leave(self) -> None:
        """The connection is gone."""
        self._doors.move(self, Stage.GONE)


class Doors:
    """Counts visits; all on one event loop. `refused` and `evicted` count from the start."""

    def __init__(self, limits: DoorLimits) -> None:
        self.limits: Final = limits
        self._groups: dict[Stage, dict[str, OrderedDict[Visit, None]]] = {stage: {} for stage in _MAKING_ROOM}
        self._count: Counter[Stage] = Counter()
        self._per_address: Counter[tuple[Stage, str]] = Counter()
        self.refused = self.evicted = 0
        self._max = {
            Stage.SILENT: (limits.silent_max, limits.silent_per_address_max),
            Stage.UNPROVEN: (limits.unproven_max, limits.unproven_per_address_max),
            Stage.PASSED_ON: (limits.passed_on_max, limits.passed_on_per_address_max),
            Stage.INSIDE: (limits.inside_max, limits.inside_per_address_max),
        }

    def arrive(self, address: str, close: Callable[[], None]) -> Visit:
        """A new connection. `close` must close its socket; it is called when the visit has to make room."""
        visit = Visit(self, door_address(address), close)
        self._enter(visit)
        self._make_room(Stage.SILENT, visit.address)
        return visit

    def count(self, stage: Stage) -> int:
        """How many visits stand there."""
        return self._count[stage]

    def promote(self, visit: Visit, to: Stage) -> bool:
        """Move on if there is room, or if it can be made."""
        if to in _MAKING_ROOM:
            self.move(visit, to)
            self._make_room(to, visit.address)
            return visit.stage is to
        if not self.admits(to, visit.address):
            return False
        self.move(visit, to)
        return True

    def admits(self, stage: Stage, address: str) -> bool:
        """Whether there is room for one who asks; who is turned away is counted."""
        is_admitted = self.has_room(stage, address)
        self.refused += not is_admitted
        return is_admitted

    def has_room(self, stage: Stage, address: str) -> bool:
        """Whether one more of this address may stand there."""
        total_max, address_max = self._max[stage]
        return self._count[stage] < total_max and self._per_address[stage, address] < address_max

    def move(self, visit: Visit, to: Stage) -> None:
        """Change a visit's stage; one that is gone stays gone."""
        if visit.stage is Stage.GONE or visit.stage is to:
            return
        self._exit(visit)
        visit.stage = to
        if to is not Stage.GONE:
            self._enter(visit)

    def _make_room(self, stage: Stage, newcomer: str) -> None:
        total_max, address_max = self._max[stage]
        groups = self._groups[stage]
        if self._per_address[stage, newcomer] > address_max:
            self._evict(groups[newcomer])
        elif self._count[stage] > total_max:
            self._evict(max(groups.values(), key=len))

    def _evict(self, group: OrderedDict[Visit, None]) -> None:
        oldest = next(iter(group))
        self.evicted += 1
        self.move(oldest, Stage.GONE)
        oldest.close()

    def _enter(self, visit: Visit) -> None:
        self._count[visit.stage] += 1
        self._per_address[visit.stage, visit.address] += 1
        if visit.stage in _MAKING_ROOM:
            self._groups[visit.stage].setdefault(visit.address, OrderedDict())[visit] = None

    def _exit(self, visit: Visit) -> None:
        key = (visit.stage, visit.address)
        self._count[visit.stage] -= 1
        self._per_address[key] -= 1
        if not self._per_address[key]:
            del self._per_address[key]
        if visit.stage in _MAKING_ROOM:
            group = self._groups[visit.stage][visit.address]
            del group[visit]
            if not group:
                del self._groups[visit.stage][visit.address]


def door_address(address: str) -> str:
    """Whom to count: an IPv4 address, or the /56 that one IPv6 subscriber may have."""
    if ":" not in address:
        return address
    packed = ipaddress.IPv6Address(address.partition("%")[0])
    if packed.ipv4_mapped is not None:
        return str(packed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(packed) >> 72 << 72, 56)))
