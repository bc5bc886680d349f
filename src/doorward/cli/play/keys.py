"""What the viewer's keys mean, read from bytes in any chunks."""

import re
from enum import Enum, auto
from typing import Final


class Key(Enum):
    """The keys that the player knows; all others are ignored."""

    PAUSE = auto()
    BACK = auto()
    FORWARD = auto()
    FASTER = auto()
    SLOWER = auto()
    QUIT = auto()


_KEYS: Final = {
    b" ": Key.PAUSE,
    b"\x1b[D": Key.BACK,
    b"\x1bOD": Key.BACK,  # with application cursor keys
    b"\x1b[C": Key.FORWARD,
    b"\x1bOC": Key.FORWARD,
    b"+": Key.FASTER,
    b"=": Key.FASTER,  # the same key without shift
    b"-": Key.SLOWER,
    b"q": Key.QUIT,
    b"\x03": Key.QUIT,
    b"\x04": Key.QUIT,
}
PARAMETERS_MAX: Final = 29
"""Bytes between the beginning and the end of a sequence; what is longer is none, and ends there."""
# Each alternative is told by the bytes up to its own end, or by the one that breaks it off, so that it never matters in
# what pieces they arrive, and what waits for more is shorter than a sequence may be.
_TOKEN: Final = re.compile(
    rb"\x1b\[[0-9;?]{0,%(max)d}[@-~]"
    rb"|\x1b\[[0-9;?]{0,%(max)d}(?=[^0-9;?@-~])"
    rb"|\x1b\[[0-9;?]{%(over)d}"
    rb"|\x1bO[@-~]|\x1bO(?=[^@-~])|\x1b[^\[O]|[^\x1b]" % {b"max": PARAMETERS_MAX, b"over": PARAMETERS_MAX + 1},
    re.DOTALL,
)


class KeyReader:
    """Bytes in, keys out; half an arrow key waits for its other half."""

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, data: bytes) -> list[Key]:
        """The keys that are whole now, in order."""
        self._pending += data
        keys: list[Key] = []
        position = 0
        while token := _TOKEN.match(self._pending, position):
            position = token.end()
            if (key := _KEYS.get(token.group())) is not None:
                keys.append(key)
        self._pending = self._pending[position:]
        return keys
