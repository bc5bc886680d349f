"""How many may stand at the door: limits on connections, fair to who is not the cause.

A visit is *silent* until it has sent its first bytes, *unproven* until somebody has proven who they are, then *inside*,
or in a *reserved* place, which nobody but gateways can take. What is only *passed on* to the authority, which has
limits of its own, is counted apart: it can not fill the house.

Nobody of whom nothing is proven keeps a newcomer out: beyond a limit a silent, unproven or passed on visit is closed,
of the network that has most of them and there of the address that has most, first one that has only begun, the oldest
first. Who has proven who they are stays: a house that is full of them, in total, of one address or of one holder of a
certificate, takes nobody more and says so (ADR 0017, 0053).
"""

import ipaddress
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from doorward.net.fullest import Fullest


@dataclass(frozen=True, slots=True)
class DoorLimits:
    """Named limits; an address is an IPv4 address or an IPv6 /56, a network an IPv4 /24 or an IPv6 /48.

    A holder is whom a certificate names. `sign_in_seconds` is how long one may take to prove who they are.
    """

    silent_max: int = 2048
    silent_per_network_max: int = 1024
    silent_per_address_max: int = 256
    unproven_max: int = 1024
    unproven_per_network_max: int = 256
    unproven_per_address_max: int = 64
    passed_on_max: int = 4096
    passed_on_per_network_max: int = 1024
    passed_on_per_address_max: int = 256
    inside_max: int = 10_000
    inside_per_address_max: int = 2_000
    inside_per_holder_max: int = 256
    reserved_max: int = 4096
    reserved_per_holder_max: int = 128
    first_bytes_seconds: float = 10.0
    sign_in_seconds: float = 120.0


class Stage(Enum):
    """Where a visit stands."""

    SILENT = "silent"
    UNPROVEN = "unproven"
    PASSED_ON = "passed on"
    INSIDE = "inside"
    RESERVED = "reserved"
    GONE = "gone"


_MAKING_ROOM: Final = (Stage.SILENT, Stage.UNPROVEN, Stage.PASSED_ON)


class Visit:
    """One connection; `leave` is called on every path, any number of times."""

    __slots__ = ("_doors", "address", "close", "holder", "is_used", "network", "stage")

    def __init__(self, doors: "Doors", address: str, close: Callable[[], None]) -> None:
        self._doors = doors
        self.address: Final = door_address(address)
        self.network: Final = door_network(address)
        self.close = close
        self.stage = Stage.SILENT
        self.holder = ""
        self.is_used = False

    def taken_over(self, close: Callable[[], None]) -> None:
        """Somebody else has the socket now, and closes it when the visit has to make room."""
        self.close = close

    def spoke(self) -> bool:
        """The first bytes have come; False when there is no place inside that this visit could ever get."""
        return self._doors.admits(Stage.INSIDE, self) and self.greeted()

    def greeted(self) -> bool:
        """The first bytes have come, and it is open what they lead to; False when it has had to make room."""
        return self._doors.promote(self, Stage.UNPROVEN)

    def passed_on(self) -> bool:
        """It goes on to the authority; False when it has had to make room."""
        return self._doors.promote(self, Stage.PASSED_ON)

    def used(self) -> None:
        """It has done more than begin: it makes room after those that have not."""
        self._doors.use(self)

    def proved(self, holder: str = "", place: Stage = Stage.INSIDE) -> bool:
        """Somebody, `holder` by their certificate, has proven who they are; False when the house is full."""
        if self.stage in _MAKING_ROOM:
            self.holder = holder
            self._doors.promote(self, place)
        return self.stage is place

    def leave(self) -> None:
        """The connection is gone."""
        self._doors.move(self, Stage.GONE)


@dataclass(frozen=True, slots=True)
class _Bounds:
    """How many may stand at a stage; None bounds nothing."""

    total: int
    network: int | None = None
    address: int | None = None
    holder: int | None = None


class _Crowd:
    """Who stands at a stage that makes room, by network and address, in the order of their coming."""

    def __init__(self) -> None:
        self._networks: Fullest[str] = Fullest()
        self._addresses: dict[str, Fullest[str]] = {}
        self._begun: dict[str, OrderedDict[Visit, None]] = {}
        self._used: dict[str, OrderedDict[Visit, None]] = {}

    def add(self, visit: Visit) -> None:
        self._networks.add(visit.network)
        self._addresses.setdefault(visit.network, Fullest()).add(visit.address)
        self._line(visit).setdefault(visit.address, OrderedDict())[visit] = None

    def remove(self, visit: Visit) -> None:
        self._networks.remove(visit.network)
        self._addresses[visit.network].remove(visit.address)
        if self._addresses[visit.network].fullest() is None:
            del self._addresses[visit.network]
        line = self._line(visit)
        del line[visit.address][visit]
        if not line[visit.address]:
            del line[visit.address]

    def of_network(self, network: str) -> int:
        return self._networks.count(network)

    def of_address(self, visit: Visit) -> int:
        found = self._addresses.get(visit.network)
        return found.count(visit.address) if found is not None else 0

    def first_of(self, network: str | None, address: str | None, but: Visit) -> Visit:
        """Who makes room there; where nothing is said, where most are. `but` is who comes, and only goes if alone."""
        network = network or self._networks.fullest() or ""
        addresses = self._addresses.get(network)
        address = address or (addresses.fullest() if addresses is not None else None)
        for line in (self._begun, self._used):
            for visit in line.get(address or "", ()):
                if visit is not but:
                    return visit
        return but

    def _line(self, visit: Visit) -> dict[str, OrderedDict[Visit, None]]:
        return self._used if visit.is_used else self._begun


class Doors:
    """Counts visits; all on one event loop. `refused` and `evicted` count from the start."""

    def __init__(self, limits: DoorLimits) -> None:
        self.limits: Final = limits
        self._crowds: dict[Stage, _Crowd] = {stage: _Crowd() for stage in _MAKING_ROOM}
        self._count: Counter[Stage] = Counter()
        self._addresses: Counter[tuple[Stage, str]] = Counter()
        self._holders: Counter[tuple[Stage, str]] = Counter()
        self.refused = self.evicted = 0
        self._bounds = _bounds_of(limits)

    def arrive(self, address: str, close: Callable[[], None]) -> Visit:
        """A new connection. `close` must close its socket; it is called when the visit has to make room."""
        visit = Visit(self, address, close)
        self._enter(visit)
        self._make_room(visit)
        return visit

    def count(self, stage: Stage) -> int:
        """How many visits stand there."""
        return self._count[stage]

    def promote(self, visit: Visit, to: Stage) -> bool:
        """Move on if there is room, or if it can be made; False for who is gone, too."""
        if to in _MAKING_ROOM:
            self.move(visit, to)
            if visit.stage is to:
                self._make_room(visit)
        elif self.admits(to, visit):
            self.move(visit, to)
        return visit.stage is to

    def admits(self, stage: Stage, visit: Visit) -> bool:
        """Whether there is room for one who asks; who is turned away is counted."""
        is_admitted = visit.stage is stage or self._has_room(stage, visit)
        self.refused += not is_admitted
        return is_admitted

    def use(self, visit: Visit) -> None:
        """From now on it makes room after those that have only begun."""
        crowd = self._crowds.get(visit.stage)
        if crowd is not None and not visit.is_used:
            crowd.remove(visit)
            visit.is_used = True
            crowd.add(visit)

    def move(self, visit: Visit, to: Stage) -> None:
        """Change a visit's stage; one that is gone stays gone."""
        if visit.stage is Stage.GONE or visit.stage is to:
            return
        self._exit(visit)
        visit.stage = to
        visit.is_used = False
        if to is not Stage.GONE:
            self._enter(visit)

    def _has_room(self, stage: Stage, visit: Visit) -> bool:
        bounds = self._bounds[stage]
        return (
            self._count[stage] < bounds.total
            and (bounds.address is None or self._addresses[stage, visit.address] < bounds.address)
            and (not visit.holder or bounds.holder is None or self._holders[stage, visit.holder] < bounds.holder)
        )

    def _make_room(self, newcomer: Visit) -> None:
        bounds, crowd = self._bounds[newcomer.stage], self._crowds[newcomer.stage]
        going = None
        if bounds.address is not None and crowd.of_address(newcomer) > bounds.address:
            going = crowd.first_of(newcomer.network, newcomer.address, newcomer)
        elif bounds.network is not None and crowd.of_network(newcomer.network) > bounds.network:
            going = crowd.first_of(newcomer.network, None, newcomer)
        elif self._count[newcomer.stage] > bounds.total:
            going = crowd.first_of(None, None, newcomer)
        if going is not None:
            self.evicted += 1
            self.move(going, Stage.GONE)
            going.close()

    def _enter(self, visit: Visit) -> None:
        self._count[visit.stage] += 1
        if visit.stage in self._crowds:
            self._crowds[visit.stage].add(visit)
        else:
            self._addresses[visit.stage, visit.address] += 1
            self._holders[visit.stage, visit.holder] += 1

    def _exit(self, visit: Visit) -> None:
        self._count[visit.stage] -= 1
        if visit.stage in self._crowds:
            self._crowds[visit.stage].remove(visit)
            return
        for counts, of in ((self._addresses, visit.address), (self._holders, visit.holder)):
            key = (visit.stage, of)
            counts[key] -= 1
            if not counts[key]:
                del counts[key]


def _bounds_of(limits: DoorLimits) -> dict[Stage, _Bounds]:
    return {
        Stage.SILENT: _Bounds(limits.silent_max, limits.silent_per_network_max, limits.silent_per_address_max),
        Stage.UNPROVEN: _Bounds(limits.unproven_max, limits.unproven_per_network_max, limits.unproven_per_address_max),
        Stage.PASSED_ON: _Bounds(
            limits.passed_on_max, limits.passed_on_per_network_max, limits.passed_on_per_address_max
        ),
        Stage.INSIDE: _Bounds(
            limits.inside_max, address=limits.inside_per_address_max, holder=limits.inside_per_holder_max
        ),
        # Gateways may share an address, with each other and with strangers: only what they hold is counted.
        Stage.RESERVED: _Bounds(limits.reserved_max, holder=limits.reserved_per_holder_max),
    }


def door_address(address: str) -> str:
    """Whom to count: an IPv4 address, or the /56 that one IPv6 subscriber may have."""
    return address if ":" not in address else _ipv4_in(address) or _prefix(address, 56)


def door_network(address: str) -> str:
    """Whom to count together: an IPv4 /24, or the /48 that one IPv6 site may have. What is no address is itself."""
    ipv4 = address if ":" not in address else _ipv4_in(address)
    if ipv4 is None:
        return _prefix(address, 48)
    start, dot, _ = ipv4.rpartition(".")
    return f"{start}{dot}0/24" if dot else ipv4


def _ipv4_in(address: str) -> str | None:
    mapped = _ipv6(address).ipv4_mapped
    return str(mapped) if mapped is not None else None


def _prefix(address: str, bits: int) -> str:
    kept = 128 - bits
    return str(ipaddress.IPv6Network((int(_ipv6(address)) >> kept << kept, bits)))


def _ipv6(address: str) -> ipaddress.IPv6Address:
    return ipaddress.IPv6Address(address.partition("%")[0])
