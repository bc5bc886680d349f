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
_TOKEN: Final = re.compile(rb"\x1b\[[0-9;?]*[@-~]|\x1bO[@-~]|\x1b[^\[O]|[^\x1b]", re.DOTALL)
_PENDING_BYTES_MAX: Final = 32  # a longer unfinished sequence is no key


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
        rest = self._pending[position:]
        self._pending = rest if len(rest) <= _PENDING_BYTES_MAX else b""
        return keys
