"""When to show what: a recording as a sequence of waits and bytes.

Pure: the player waits. Speed divides, idle squeeze caps each gap before that, and a seek gives all that came before
without waiting, so that the screen is what it was. Only terminal output passes, and only through the screen filter.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from doorward.base.errors import Invalid, Missing
from doorward.base.terminal_text import for_terminal
from doorward.domain.recording.frames import Exited, Frame, FrameType, Note, Resized, StreamClosed, StreamOpened
from doorward.domain.recording.note_text import note_text
from doorward.domain.recording.screen_filter import ScreenFilter

SPEED_MIN: Final = 0.1
SPEED_MAX: Final = 100.0
MICROS: Final = 1_000_000
_OUTPUTS: Final = frozenset({FrameType.OUTPUT, FrameType.ERROR_OUTPUT})


@dataclass(frozen=True, slots=True)
class Pace:
    """`speed` times as fast as it was; gaps shown as at most `idle_seconds_max` (None: as long as they were)."""

    speed: float = 1.0
    idle_seconds_max: float | None = None

    def __post_init__(self) -> None:
        if not SPEED_MIN <= self.speed <= SPEED_MAX:
            raise Invalid(f"choosing a speed: from {SPEED_MIN} to {SPEED_MAX:g} times is possible")
        if self.idle_seconds_max is not None and self.idle_seconds_max < 0:
            raise Invalid("choosing an idle limit: it is zero or more seconds")

    def wait_seconds(self, gap_micros: int) -> float:
        """How long a gap of the recording lasts in the replay."""
        gap = gap_micros / MICROS
        if self.idle_seconds_max is not None:
            gap = min(gap, self.idle_seconds_max)
        return gap / self.speed


@dataclass(frozen=True, slots=True)
class Beat:
    """Wait `delay_seconds`, then show `data`; `at_micros` is where in the session that is."""

    delay_seconds: float
    data: bytes
    at_micros: int
    stream: int


def shown(frames: Iterable[Frame], *, stream: int | None = None) -> Iterator[Beat]:
    """What may be shown, at its moment in the session and with no delay yet; one stream, or all with marker lines.

    `Missing`, at the end, when there is no such stream.
    """
    filters: dict[int, ScreenFilter] = {}
    latest: int | None = stream
    for frame in frames if stream is None else _of_stream(frames, stream):
        content = frame.content
        if isinstance(content, StreamOpened):
            filters[frame.stream] = ScreenFilter()
        if isinstance(content, StreamOpened | Note) and stream is None:
            latest = frame.stream
            yield Beat(0.0, _line_between(frame.stream, content), frame.elapsed_micros, frame.stream)
        elif isinstance(content, StreamClosed):
            rest = filters.pop(frame.stream).feed(b"", final=True)
            if rest:
                yield Beat(0.0, rest, frame.elapsed_micros, frame.stream)
        elif isinstance(content, (Exited, Resized)):
            yield Beat(0.0, b"", frame.elapsed_micros, frame.stream)
        elif frame.type in _OUTPUTS:
            data = filters[frame.stream].feed(frame.data)
            if latest != frame.stream:
                latest = frame.stream
                data = _marker(f"stream {frame.stream}") + data
            yield Beat(0.0, data, frame.elapsed_micros, frame.stream)


def timeline(beats: Iterable[Beat], pace: Pace, *, start_micros: int = 0) -> Iterator[Beat]:
    """`beats` with the delays of `pace`; those before `start_micros` come at once."""
    now = start_micros
    for beat in beats:
        gap = max(0, beat.at_micros - now)
        now = max(now, beat.at_micros)
        yield replace(beat, delay_seconds=pace.wait_seconds(gap)) if gap else beat


def _of_stream(frames: Iterable[Frame], stream: int) -> Iterator[Frame]:
    is_found = False
    for frame in frames:
        if frame.stream == stream:
            is_found = True
            yield frame
    if not is_found:
        raise Missing(f"replaying: the recording has no stream {stream}")


def _line_between(number: int, content: StreamOpened | Note) -> bytes:
    if isinstance(content, Note):
        return _marker(note_text(content))
    opened = content
    what = opened.command.decode("utf-8", "backslashreplace") or opened.destination
    return _marker(f"stream {number}: {opened.kind.value} {what}".rstrip())


def _marker(text: str) -> bytes:
    """A line of ours between streams, in reverse video, on a line of its own."""
    return f"\r\n\x1b[m\x1b[7m {for_terminal(text, characters_max=200)} \x1b[m\r\n".encode()
