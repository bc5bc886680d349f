"""What was achieved is counted from what was stored."""

from hypothesis import given
from tests.support.recordings import output, recording, recordings, shell

from doorward.domain.recording.frames import Frame, FrameType, Note, Partial, StreamClosed, StreamOpened
from doorward.domain.recording.levels import RecordingLevel, StreamKind
from doorward.domain.recording.tally import Tally


def tally_of(frames: list[Frame]) -> Tally:
    tally = Tally()
    for frame in frames:
        tally.add(frame)
    return tally


def test_bytes_are_counted_by_kind_and_direction() -> None:
    tally = tally_of(
        recording(
            (1, 0, shell()),
            (1, 1, output(b"abc")),
            (1, 2, (FrameType.INPUT, b"x")),
            (2, 3, StreamOpened(kind=StreamKind.SFTP, level="output")),
            (2, 4, Note("sftp.read")),
            (1, 5, StreamClosed()),
            (3, 6, shell()),
            (3, 7, output(b"d")),
        )
    )
    counts = tally.kinds()[StreamKind.SHELL]
    assert (counts.streams, counts.output_bytes, counts.input_bytes, counts.notes) == (2, 4, 1, 0)
    assert tally.kinds()[StreamKind.SFTP].notes == 1
    assert tally.content_bytes == 5
    assert tally.end_reason == "closed"
    assert not tally.is_open(1)
    assert tally.is_open(3)


def test_unstored_output_lowers_what_was_achieved_of_its_kind() -> None:
    frames = recording((1, 0, shell()), (1, 1, Partial("output", "limit")))
    counts = tally_of(frames).kinds()[StreamKind.SHELL]
    assert counts.partial
    assert counts.asked is RecordingLevel.OUTPUT
    assert counts.achieved is RecordingLevel.EVENTS
    assert tally_of(frames).achieved() is RecordingLevel.EVENTS


def test_unstored_input_leaves_output_achieved() -> None:
    opened = StreamOpened(kind=StreamKind.EXEC, level="output+input")
    tally = tally_of(recording((1, 0, opened), (1, 1, Partial("input", "limit"))))
    assert tally.achieved() is RecordingLevel.OUTPUT


def test_a_session_without_streams_achieved_what_was_asked() -> None:
    assert tally_of(recording()).achieved() is RecordingLevel.OUTPUT


@given(frames=recordings())
def test_every_frame_is_counted_once(frames: list[Frame]) -> None:
    tally = tally_of(frames)
    assert tally.frames == sum(frame.type is not FrameType.END for frame in frames)
    assert tally.content_bytes == sum(len(frame.data) for frame in frames)
    assert all(counts.achieved <= counts.asked for counts in tally.kinds().values())
