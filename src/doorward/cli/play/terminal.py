"""The player on the machine's terminal, or without one.

With a terminal on both sides keys are read one by one; its mode is put back on every path, also when the process is
told to end. Without one the player only waits, and `wait=False` writes everything at once.
"""

import contextlib
import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import BinaryIO, Final

from doorward.base.clock import SystemClock
from doorward.cli.play.player import Keys, PlayEnd, Player, dump
from doorward.domain.recording.frames import Frame
from doorward.domain.recording.timeline import MICROS, Pace

_ENDING_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP)
_READ_BYTES: Final = 64


class TerminalKeys:
    """Keys of the terminal behind a descriptor that is in cbreak mode."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def wait(self, seconds: float | None) -> bytes:
        ready, _, _ = select.select([self._descriptor], [], [], seconds)
        if not ready:
            return b""
        data = os.read(self._descriptor, _READ_BYTES)
        if not data:
            raise EOFError("the terminal is gone")
        return data


class NoKeys:
    """Nobody is there to press one."""

    def wait(self, seconds: float | None) -> bytes:
        if seconds is None:
            raise EOFError("no key will ever come")
        select.select([], [], [], seconds)
        return b""


@contextlib.contextmanager
def cbreak(descriptor: int) -> Iterator[None]:
    """Keys at once and unechoed while inside; the terminal's mode is put back however we leave."""
    before = termios.tcgetattr(descriptor)
    handlers = {number: signal.signal(number, _leave) for number in _ENDING_SIGNALS}
    try:
        tty.setcbreak(descriptor)
        yield
    finally:
        # What was typed, or answered by the terminal, in the meantime must not reach the shell.
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def play(
    open_frames: Callable[[], Iterable[Frame]],
    *,
    pace: Pace,
    start_seconds: float = 0.0,
    stream: int | None = None,
    wait: bool = True,
    source: int | None = None,
    output: BinaryIO | None = None,
) -> PlayEnd:
    """Replay a recording, one stream of it or all.

    `open_frames` gives its frames from the start each time it is called. `source` (default: standard input) and
    `output` (default: standard output) may be terminals or not. Keys: space pauses, left and right go five seconds,
    + and - change the speed, q quits.
    """
    descriptor = sys.stdin.fileno() if source is None else source
    sink = sys.stdout.buffer if output is None else output
    try:
        if not wait:
            dump(open_frames, sink, stream=stream)
            return PlayEnd.FINISHED
        on_terminal = _is_terminal(sink)
        with contextlib.ExitStack() as stack:
            keys: Keys = NoKeys()
            if on_terminal and os.isatty(descriptor):
                stack.enter_context(cbreak(descriptor))
                keys = TerminalKeys(descriptor)
            player = Player(
                open_frames, sink, clock=SystemClock(), keys=keys, pace=pace, stream=stream, on_terminal=on_terminal
            )
            return player.run(int(start_seconds * MICROS))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):  # who watched is gone, or has seen enough
        return PlayEnd.QUIT


def _is_terminal(output: BinaryIO) -> bool:
    try:
        return os.isatty(output.fileno())
    except OSError:  # a buffer in memory has no descriptor
        return False


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
