"""All channels of one session that are carried through, and why they are held back at the moment.

What holds one holds all, those too that are opened meanwhile: a peer that does not read, a disk or a log that does not
keep up are the session's, not a channel's.
"""

from collections.abc import Iterator
from enum import Enum

from doorward.gateway.ssh.ends import End, Hold, Live


class Side(Enum):
    """Whose bytes are not read."""

    USER = "user"
    NODE = "node"


class Channels:
    """One session's."""

    def __init__(self) -> None:
        self._live: set[Live] = set()
        self._held: set[tuple[Side, Hold]] = set()

    def __len__(self) -> int:
        return len(self._live)

    def __iter__(self) -> Iterator[Live]:
        return iter(tuple(self._live))

    def add(self, pump: Live) -> None:
        """One more."""
        self._live.add(pump)
        for side, why in self._held:
            _end(pump, side).hold_reading(why)

    def discard(self, pump: Live) -> None:
        """One less."""
        self._live.discard(pump)

    def hold(self, why: Hold, *sides: Side) -> None:
        """Read nothing from these sides, for one more reason."""
        for side in sides:
            self._held.add((side, why))
            for pump in self:
                _end(pump, side).hold_reading(why)

    def allow(self, why: Hold, *sides: Side) -> None:
        """The inverse of `hold`."""
        for side in sides:
            self._held.discard((side, why))
            for pump in self:
                _end(pump, side).allow_reading(why)

    def is_held(self, why: Hold) -> bool:
        """Whether that is a reason now."""
        return any(reason is why for _, reason in self._held)

    def end(self, line: str) -> None:
        """Nothing more passes anywhere; with a line, those see it who can."""
        for pump in self:
            if line:
                pump.dismiss(line)
            else:
                pump.stop()


def _end(pump: Live, side: Side) -> End:
    return pump.user if side is Side.USER else pump.node
