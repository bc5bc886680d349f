"""When a call returns, what it was given is stored; when it can not be stored, nothing goes on."""

import errno
import os
import tracemalloc
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.recordings import SESSION_ID, header
from tests.support.spool import Disk, MemoryFiles

from doorward.base.clock import ManualClock
from doorward.domain.recording.frames import Exited, FrameType, Note, StreamClosed
from doorward.domain.recording.levels import RecordingLevel, StreamKind
from doorward.domain.recording.reader import recover
from doorward.gateway.recorder.budget import RecorderLimits
from doorward.gateway.recorder.failures import QuotaReached, RecorderFailed
from doorward.gateway.recorder.recorder import Recorder
from doorward.gateway.recorder.spool import Spool

NAME = SESSION_ID + ".dwr"
KIB = 1024


class Bench:
    """A spool on a disk that the test controls."""

    def __init__(self, limits: RecorderLimits | None = None) -> None:
        self.disk = Disk()
        self.clock = ManualClock()
        self.failures: list[RecorderFailed] = []
        self.spool = Spool(MemoryFiles(self.disk), self.clock, limits or RecorderLimits())

    def recorder(self, session_id: str = SESSION_ID) -> Recorder:
        return self.spool.open(header(session_id), self.failures.append)

    def shell(self) -> tuple[Recorder, int]:
        recorder = self.recorder()
        return recorder, recorder.open_stream(StreamKind.SHELL, RecordingLevel.OUTPUT, term="xterm")

    def stored(self) -> bytes:
        return b"".join(frame.data for frame in recover(bytes(self.disk.contents[NAME])).frames)


def test_output_is_in_the_file_when_the_call_returns() -> None:
    bench = Bench()
    recorder, stream = bench.shell()
    for piece in (b"one", b"", b"two"):
        recorder.output(stream, piece)
    assert bench.stored() == b"onetwo"
    assert recorder.size_bytes == len(bench.disk.contents[NAME])


@given(pieces=st.lists(st.binary(max_size=50), max_size=8), step=st.integers(1, 30))
def test_short_writes_store_whole_frames(pieces: list[bytes], step: int) -> None:
    bench = Bench()
    bench.disk.write_bytes_max = step
    recorder, stream = bench.shell()
    for piece in pieces:
        recorder.output(stream, piece)
    kept = recover(bytes(bench.disk.contents[NAME]))
    assert kept.valid_bytes == len(bench.disk.contents[NAME]) == recorder.size_bytes
    assert bench.stored() == b"".join(pieces)


def test_output_beyond_a_frame_is_split() -> None:
    bench = Bench()
    recorder, stream = bench.shell()
    data = os.urandom(2 * KIB * KIB + 5)
    recorder.output(stream, memoryview(data))
    assert bench.stored() == data


def test_every_kind_of_event_is_stored_at_its_moment() -> None:
    bench = Bench()
    recorder, stream = bench.shell()
    bench.clock.advance(timedelta(seconds=1.5))
    recorder.resized(stream, 100, 30)
    recorder.signalled(stream, "INT")
    recorder.input(stream, b"in")
    recorder.error_output(stream, b"err")
    recorder.note(0, Note("session.note"))
    recorder.exited(stream, Exited(status=0))
    recorder.close_stream(stream, StreamClosed(output_bytes=3))
    frames = recover(bytes(bench.disk.contents[NAME])).frames[2:]
    assert [frame.type for frame in frames] == [
        FrameType.RESIZED,
        FrameType.SIGNALLED,
        FrameType.INPUT,
        FrameType.ERROR_OUTPUT,
        FrameType.NOTE,
        FrameType.EXITED,
        FrameType.STREAM_CLOSED,
    ]
    assert {frame.elapsed_micros for frame in frames} == {1_500_000}
    assert recorder.level_achieved is RecordingLevel.OUTPUT


def test_a_wall_clock_set_back_changes_no_times() -> None:
    bench = Bench()
    recorder, stream = bench.shell()
    bench.clock.advance(timedelta(seconds=2))
    bench.clock.set_wall(bench.clock.now() - timedelta(days=1))
    recorder.output(stream, b"x")
    assert recover(bytes(bench.disk.contents[NAME])).frames[-1].elapsed_micros == 2_000_000


def test_bytes_of_a_stream_that_is_not_open_are_a_bug_of_ours() -> None:
    recorder, stream = Bench().shell()
    recorder.close_stream(stream, StreamClosed())
    with pytest.raises(ValueError, match="not open"):
        recorder.output(stream, b"x")
    with pytest.raises(ValueError, match="not open"):
        recorder.resized(7, 1, 1)


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_a_write_that_fails_fails_every_later_one(error: int) -> None:
    bench = Bench()
    recorder, stream = bench.shell()
    bench.disk.write_error = error
    with pytest.raises(RecorderFailed):
        recorder.output(stream, b"lost")
    bench.disk.write_error = None
    with pytest.raises(RecorderFailed):
        recorder.output(stream, b"later")
    with pytest.raises(RecorderFailed):
        recorder.note(0, Note("later"))
    assert bench.stored() == b""


def test_a_disk_that_fills_within_a_frame_fails_the_recorder() -> None:
    bench = Bench()
    recorder, stream = bench.shell()
    recorder.output(stream, b"kept")
    bench.disk.room_bytes = 30
    with pytest.raises(RecorderFailed):
        recorder.output(stream, bytes(100))
    assert bench.stored() == b"kept"


def test_a_recording_that_can_not_be_created_fails() -> None:
    bench = Bench()
    bench.recorder()
    with pytest.raises(RecorderFailed):
        bench.recorder()
    bench.disk.room_bytes = 5
    with pytest.raises(RecorderFailed):
        bench.recorder("b" * 26)


def test_an_event_that_is_no_text_fails_and_is_not_passed_over() -> None:
    recorder, stream = Bench().shell()
    with pytest.raises(RecorderFailed):
        recorder.signalled(stream, "\ud800")
    with pytest.raises(RecorderFailed):
        recorder.open_stream(StreamKind.EXEC, RecordingLevel.OUTPUT, command=bytes(1024 * 1024))


def test_events_stop_when_they_outrun_the_disk() -> None:
    bench = Bench(RecorderLimits(unsynced_bytes_max=4 * KIB))
    recorder, stream = bench.shell()
    with pytest.raises(QuotaReached, match="than the disk takes"):
        resize(recorder, stream, 10_000)
    assert recorder.size_bytes < 9 * KIB
    recorder.close_stream(stream, StreamClosed())


def resize(recorder: Recorder, stream: int, times: int) -> None:
    for number in range(times):
        recorder.resized(stream, number, number)


def test_a_disk_that_nobody_syncs_fails_the_recorder() -> None:
    bench = Bench(RecorderLimits(stall_seconds=5.0))
    recorder, stream = bench.shell()
    recorder.output(stream, b"x")
    bench.clock.advance(timedelta(seconds=6))
    with pytest.raises(RecorderFailed, match="does not answer"):
        recorder.output(stream, b"y")
    assert bench.stored() == b"x"


def test_an_idle_recorder_is_small() -> None:
    bench = Bench()
    sessions = [f"{'abcdefghij'[number // 10]}{'abcdefghij'[number % 10]}".ljust(26, "z") for number in range(100)]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    recorders = [bench.recorder(session_id) for session_id in sessions]
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert used / len(recorders) < 8 * KIB
