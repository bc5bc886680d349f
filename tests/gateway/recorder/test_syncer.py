"""What was written reaches the disk each second, or the session learns that it did not."""

import asyncio
import contextlib
import errno
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.support.recordings import SESSION_ID, header
from tests.support.spool import Disk, MemoryFiles

from doorward.base.clock import ManualClock
from doorward.domain.recording.levels import RecordingLevel, StreamKind
from doorward.gateway.recorder.budget import RecorderLimits
from doorward.gateway.recorder.failures import RecorderFailed
from doorward.gateway.recorder.recorder import Recorder
from doorward.gateway.recorder.spool import Spool

LIMITS = RecorderLimits(unsynced_bytes_max=1000, stall_seconds=5.0)


class Bench:
    def __init__(self) -> None:
        self.disk = Disk()
        self.clock = ManualClock()
        self.failures: list[RecorderFailed] = []
        self.spool = Spool(MemoryFiles(self.disk), self.clock, LIMITS)
        self.recorder: Recorder = self.spool.open(header(), self.failures.append)
        self.stream = self.recorder.open_stream(StreamKind.SHELL, RecordingLevel.OUTPUT)

    async def sync(self) -> None:
        """One round of the syncer, to its end."""
        async with asyncio.TaskGroup() as tasks:
            self.spool.syncer.begin(tasks)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.spool.syncer.run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def test_what_was_written_before_a_sync_is_synced_by_it() -> None:
    bench = Bench()
    bench.recorder.output(bench.stream, b"one")
    await bench.sync()
    size = bench.recorder.size_bytes
    assert bench.recorder.synced_bytes == bench.disk.synced[SESSION_ID + ".dwr"] == size
    bench.recorder.output(bench.stream, b"two")
    assert bench.recorder.synced_bytes == size
    await bench.sync()
    assert bench.recorder.synced_bytes == bench.recorder.size_bytes


async def test_a_recorder_that_wrote_nothing_is_not_synced_again() -> None:
    bench = Bench()
    await bench.sync()
    bench.disk.synced.clear()
    await bench.sync()
    assert bench.disk.synced == {}


async def test_a_failed_sync_fails_the_recorder_for_good_and_tells_the_session() -> None:
    bench = Bench()
    bench.disk.sync_error = errno.EIO
    await bench.sync()
    assert len(bench.failures) == 1
    bench.disk.sync_error = None
    await bench.sync()
    with pytest.raises(RecorderFailed):
        bench.recorder.output(bench.stream, b"x")
    assert bench.recorder.synced_bytes == 0
    assert len(bench.failures) == 1


async def test_an_idle_session_learns_that_its_disk_stalls() -> None:
    bench = Bench()
    bench.disk.sync_gate.clear()
    async with asyncio.TaskGroup() as tasks:
        bench.spool.syncer.begin(tasks)
        bench.clock.advance(timedelta(seconds=6))
        bench.spool.syncer.begin(tasks)
        assert [failure.code for failure in bench.failures] == ["recorder_failed"]
        bench.disk.sync_gate.set()


async def test_who_outruns_the_disk_waits_for_it() -> None:
    bench = Bench()
    async with bench.running():
        await bench.recorder.room()
        bench.disk.sync_gate.clear()
        bench.recorder.output(bench.stream, bytes(2000))
        assert bench.recorder.pressed
        waiting = asyncio.create_task(bench.recorder.room())
        for _ in range(20):
            await asyncio.sleep(0)
        assert not waiting.done()
        bench.disk.sync_gate.set()
        async with asyncio.timeout(5):
            await waiting
        assert not bench.recorder.pressed


async def test_who_waits_for_a_disk_that_fails_is_told() -> None:
    bench = Bench()
    async with bench.running():
        bench.disk.sync_error = errno.EIO
        bench.recorder.output(bench.stream, bytes(2000))
        with pytest.raises(RecorderFailed):
            async with asyncio.timeout(5):
                await bench.recorder.room()


async def test_no_sync_begins_once_a_recording_is_being_closed() -> None:
    bench = Bench()
    await bench.recorder.close()
    assert not bench.recorder.begin_sync()
    with pytest.raises(ValueError, match="after its end"):
        bench.recorder.output(bench.stream, b"x")
