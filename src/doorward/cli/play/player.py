"""Plays a recording: waits, shows, obeys keys.

Everything shown went through the screen filter (`domain.recording.timeline.shown`). Time comes from a clock and waiting
from `Keys`, so that the same code plays in a terminal, dumps into a file, and is tested without either.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import Enum
from typing import BinaryIO, Final, Protocol

from doorward.base.clock import Clock
from doorward.cli.play.keys import Key, KeyReader
from doorward.domain.recording.frames import Frame
from doorward.domain.recording.screen_rules import RESTORE
from doorward.domain.recording.timeline import MICROS, Beat, Pace, shown

SEEK_MICROS: Final = 5 * MICROS
SPEEDS: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
CLEAR: Final = b"\x1b[m\x1b[2J\x1b[H"


class Keys(Protocol):
    """Where the viewer's keys come from, and how the player waits."""

    def wait(self, seconds: float | None) -> bytes:
        """Bytes of keys as soon as there are any, nothing when `seconds` have passed; None waits for a key.

        `EOFError` when no key will ever come.
        """
        ...


class PlayEnd(Enum):
    """How a replay ended."""

    FINISHED = "finished"
    QUIT = "quit"


@dataclass(frozen=True, slots=True)
class _Seek:
    to_micros: int


class Player:
    """One replay. `open_frames` is called again for each step back; give it a file or bytes, not a used iterator."""

    def __init__(
        self,
        open_frames: Callable[[], Iterable[Frame]],
        output: BinaryIO,
        *,
        clock: Clock,
        keys: Keys,
        pace: Pace,
        stream: int | None,
        on_terminal: bool,
    ) -> None:
        self._open_frames = open_frames
        self._output = output
        self._clock = clock
        self._keys = keys
        self._reader = KeyReader()
        self._pace = pace
        self._stream = stream
        self._on_terminal = on_terminal
        self._paused = False
        self._position_micros = self._target_micros = 0

    def run(self, start_micros: int) -> PlayEnd:
        """Play from `start_micros` to the end or until told to quit; the terminal is put back on every path."""
        try:
            outcome: PlayEnd | _Seek = _Seek(start_micros)
            while isinstance(outcome, _Seek):
                outcome = self._play_from(outcome.to_micros)
            return outcome
        finally:
            if self._on_terminal:
                self._show(RESTORE + b"\r\n")

    def _play_from(self, start_micros: int) -> PlayEnd | _Seek:
        if self._on_terminal:
            self._show(RESTORE + CLEAR)
        self._position_micros = start_micros
        self._target_micros = start_micros
        for beat in shown(self._open_frames(), stream=self._stream):
            outcome = self._wait_for(beat)
            if outcome is not None:
                return outcome
            self._position_micros = max(self._position_micros, beat.at_micros)
            self._show(beat.data)
        return PlayEnd.FINISHED

    def _wait_for(self, beat: Beat) -> PlayEnd | _Seek | None:
        """Wait until it is the beat's turn, obeying keys; what they ask for beyond pause and speed."""
        left = self._pace.wait_seconds(max(0, beat.at_micros - self._position_micros))
        is_beyond = beat.at_micros > self._target_micros  # what lies before is drawn at once, while paused too
        while left > 0 or (self._paused and is_beyond):
            began = self._clock.elapsed_seconds()
            speed = self._pace.speed
            pressed = self._keys.wait(None if self._paused else left)
            if not self._paused:
                waited = min(left, self._clock.elapsed_seconds() - began)
                self._position_micros += int(waited * speed * MICROS)
                left = left - waited if pressed else 0.0
            for key in self._reader.feed(pressed):
                outcome = self._obey(key)
                if outcome is not None:
                    return outcome
            left *= speed / self._pace.speed
        return None

    def _obey(self, key: Key) -> PlayEnd | _Seek | None:
        if key is Key.QUIT:
            return PlayEnd.QUIT
        if key is Key.BACK:
            return _Seek(max(0, self._position_micros - SEEK_MICROS))
        if key is Key.FORWARD:
            return _Seek(self._position_micros + SEEK_MICROS)
        if key is Key.PAUSE:
            self._paused = not self._paused
        else:
            self._pace = replace(self._pace, speed=next_speed(self._pace.speed, faster=key is Key.FASTER))
        return None

    def _show(self, data: bytes) -> None:
        if data:
            self._output.write(data)
            self._output.flush()


def next_speed(speed: float, *, faster: bool) -> float:
    """The next of `SPEEDS` in that direction; at the end of the scale, `speed` itself."""
    if faster:
        return min((step for step in SPEEDS if step > speed), default=speed)
    return max((step for step in SPEEDS if step < speed), default=speed)


def dump(open_frames: Callable[[], Iterable[Frame]], output: BinaryIO, *, stream: int | None = None) -> None:
    """Everything at once, without waiting, filtered as ever."""
    for beat in shown(open_frames(), stream=stream):
        output.write(beat.data)
    output.flush()
