"""A replay shows the same bytes at any pace, and waits as it was told."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.recordings import output, recording, recordings, shell

from doorward.base.errors import Invalid
from doorward.domain.recording.frames import Frame, FrameType, Note, StreamClosed, StreamOpened
from doorward.domain.recording.levels import StreamKind
from doorward.domain.recording.timeline import Pace, shown, timeline

FRAMES = recording(
    (1, 0, shell()),
    (1, 1_000_000, output(b"one ")),
    (1, 61_000_000, output(b"two ")),
    (1, 62_000_000, output(b"three")),
    (1, 62_500_000, StreamClosed()),
)


def waits(pace: Pace, start_micros: int = 0) -> list[float]:
    beats = timeline(shown(FRAMES, stream=1), pace, start_micros=start_micros)
    return [beat.delay_seconds for beat in beats if beat.data]


def test_time_passes_as_it_did() -> None:
    assert waits(Pace()) == [1.0, 60.0, 1.0]


def test_speed_divides_and_idle_gaps_are_squeezed() -> None:
    assert waits(Pace(speed=2.0)) == [0.5, 30.0, 0.5]
    assert waits(Pace(speed=2.0, idle_seconds_max=3.0)) == [0.5, 1.5, 0.5]


def test_a_seek_shows_what_came_before_at_once() -> None:
    assert waits(Pace(), start_micros=61_500_000) == [0.0, 0.0, 0.5]


@pytest.mark.parametrize("speed", [0.0, -1.0, 1000.0, math.nan, math.inf])
def test_a_speed_out_of_range_is_refused(speed: float) -> None:
    with pytest.raises(Invalid):
        Pace(speed=speed)


def test_one_stream_or_all_with_a_line_that_says_which() -> None:
    frames = recording(
        (1, 0, StreamOpened(kind=StreamKind.EXEC, level="output", command=b"ls \x1b]0;x\x07")),
        (2, 0, StreamOpened(kind=StreamKind.EXEC, level="output", command=b"id")),
        (1, 1, output(b"A")),
        (2, 2, output(b"B")),
        (2, 3, (FrameType.ERROR_OUTPUT, b"C")),
        (2, 4, (FrameType.INPUT, b"typed")),
    )
    assert b"".join(beat.data for beat in shown(frames, stream=2)) == b"BC"
    merged = b"".join(beat.data for beat in shown(frames))
    assert b"stream 1: exec ls \\x1b]0;x\\x07" in merged
    assert merged.index(b"A") < merged.index(b"BC")
    assert b"typed" not in merged
    assert b"\x07" not in merged


def test_what_was_done_to_files_is_shown_with_names_made_safe() -> None:
    frames = recording(
        (1, 0, StreamOpened(kind=StreamKind.SFTP, level="output")),
        (1, 1, Note("sftp.remove", path=b"/a\x1b[31m", result="ok")),
    )
    assert b"sftp.remove /a\\x1b[31m ok" in b"".join(beat.data for beat in shown(frames))
    assert b"".join(beat.data for beat in shown(frames, stream=1)) == b""


@given(frames=recordings(), speed=st.floats(0.1, 100), start=st.integers(0, 50_000_000))
def test_pace_never_changes_what_is_shown(frames: list[Frame], speed: float, start: int) -> None:
    beats = list(shown(frames))
    paced = list(timeline(beats, Pace(speed=speed, idle_seconds_max=2.0), start_micros=start))
    assert [beat.data for beat in paced] == [beat.data for beat in beats]
    assert all(0 <= beat.delay_seconds <= 2.0 / speed for beat in paced)
    assert all(beat.delay_seconds == 0 for beat in paced if beat.at_micros <= start)
