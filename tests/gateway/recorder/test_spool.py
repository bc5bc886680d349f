"""Every session that began has a recording that ends and verifies, whatever happened in between."""

import asyncio
import errno
import hashlib
import stat
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.recordings import SESSION_ID, encoded, header, output, recording, shell
from tests.support.spool import Disk, MemoryFiles, unexpected

from doorward.base.clock import ManualClock
from doorward.base.errors import Invalid, Missing
from doorward.domain.recording.digest import TreeDigest
from doorward.domain.recording.frames import End
from doorward.domain.recording.levels import RecordingLevel, StreamKind
from doorward.domain.recording.manifest import Manifest
from doorward.domain.recording.reader import recover
from doorward.gateway.recorder.failures import RecorderFailed
from doorward.gateway.recorder.files import DiskFiles
from doorward.gateway.recorder.spool import Spool

NAME = SESSION_ID + ".dwr"


def spool_on(disk: Disk) -> Spool:
    return Spool(MemoryFiles(disk), ManualClock())


def verify(disk: Disk, reason: str) -> bytes:
    """The content of a sealed recording, after checking it against its manifest."""
    data = bytes(disk.contents[NAME])
    manifest = Manifest.parse(bytes(disk.contents[SESSION_ID + ".manifest"]))
    tree = TreeDigest()
    tree.update(data)
    assert (manifest.size_bytes, manifest.digest) == (len(data), tree.digest().hex())
    kept = recover(data)
    assert kept.ended
    assert kept.valid_bytes == len(data)
    assert manifest.frames == len(kept.frames)
    assert manifest.end_reason == reason
    last = kept.frames[-1].content
    assert isinstance(last, End)
    assert last.frames == len(kept.frames) - 1
    return b"".join(frame.data for frame in kept.frames)


async def test_a_sealed_recording_verifies() -> None:
    disk = Disk()
    spool = spool_on(disk)
    recorder = spool.open(header(), unexpected)
    stream = recorder.open_stream(StreamKind.SHELL, RecordingLevel.OUTPUT)
    recorder.output(stream, b"hello")
    manifest = await spool.seal(recorder, "closed")
    assert verify(disk, "closed") == b"hello"
    assert await spool.sealed_with_content(SESSION_ID, manifest.size_bytes) == (manifest, bytes(disk.contents[NAME]))
    assert await spool.sealed_with_content(SESSION_ID, manifest.size_bytes - 1) == (manifest, None)
    assert await spool.sealed() == [SESSION_ID]
    assert list(spool.live()) == []
    assert disk.synced[NAME] == manifest.size_bytes
    assert disk.closed == [NAME]


async def test_a_recording_is_sealed_once() -> None:
    spool = spool_on(Disk())
    recorder = spool.open(header(), unexpected)
    await spool.seal(recorder, "closed")
    with pytest.raises(ValueError, match="once"):
        await spool.seal(recorder, "closed")


async def test_a_recorder_that_failed_is_sealed_to_its_last_whole_frame() -> None:
    disk = Disk()
    spool = spool_on(disk)
    recorder = spool.open(header(), unexpected)
    stream = recorder.open_stream(StreamKind.SHELL, RecordingLevel.OUTPUT)
    recorder.output(stream, b"kept")
    disk.room_bytes = 20
    with pytest.raises(RecorderFailed):
        recorder.output(stream, b"lost")
    disk.room_bytes = 1 << 20
    await spool.seal(recorder, "recorder_failed")
    assert verify(disk, "recorder_failed") == b"kept"


async def test_a_disk_that_stays_full_leaves_the_sealing_for_later() -> None:
    disk = Disk()
    spool = spool_on(disk)
    recorder = spool.open(header(), unexpected)
    disk.room_bytes = 0
    with pytest.raises(RecorderFailed):
        await spool.seal(recorder, "closed")
    assert await spool.recover("recorder_failed") == []
    disk.room_bytes = 1 << 20
    assert [found.session_id for found in await spool.recover("recorder_failed")] == [SESSION_ID]
    assert verify(disk, "recorder_failed") == b""


async def test_a_sync_that_fails_at_the_end_is_not_passed_over() -> None:
    disk = Disk()
    spool = spool_on(disk)
    recorder = spool.open(header(), unexpected)
    disk.sync_error = errno.EIO
    with pytest.raises(RecorderFailed):
        await spool.seal(recorder, "closed")
    assert await spool.sealed() == []


@given(data=st.data())
async def test_whatever_a_crash_leaves_is_recovered_to_the_last_whole_frame(data: st.DataObject) -> None:
    frames = recording((1, 0, shell()), (1, 5, output(b"one")), (1, 9, output(b"two")), ended=data.draw(st.booleans()))
    whole = encoded(frames)
    torn = whole[: data.draw(st.integers(0, len(whole)))]
    disk = Disk()
    disk.contents[NAME] = bytearray(torn)
    [found] = await spool_on(disk).recover("gateway_lost")
    kept = recover(torn)
    if not kept.frames:
        assert found.manifest is None
        assert NAME not in disk.contents
        return
    assert verify(disk, "closed" if kept.ended else "gateway_lost") == b"".join(frame.data for frame in kept.frames)
    assert await spool_on(disk).recover("gateway_lost") == []


async def test_recovery_leaves_live_recordings_alone() -> None:
    disk = Disk()
    spool = spool_on(disk)
    spool.open(header(), unexpected)
    assert await spool.recover("gateway_lost") == []


async def test_what_a_crash_while_sealing_or_forgetting_left_is_cleared_away() -> None:
    disk = Disk()
    disk.contents["a" * 26 + ".manifest"] = bytearray(b"{}")
    disk.contents[SESSION_ID + ".manifest.new"] = bytearray(b"{")
    disk.contents[NAME] = bytearray(encoded(recording()))
    await spool_on(disk).recover("gateway_lost")
    assert sorted(disk.contents) == [NAME, SESSION_ID + ".manifest"]


async def test_what_is_not_a_recording_of_ours_is_left_alone() -> None:
    disk = Disk()
    disk.contents["notes.dwr"] = bytearray(b"x")
    assert await spool_on(disk).recover("gateway_lost") == []
    assert "notes.dwr" in disk.contents


async def test_a_forgotten_recording_is_gone() -> None:
    disk = Disk()
    spool = spool_on(disk)
    await spool.seal(spool.open(header(), unexpected), "closed")
    await spool.forget(SESSION_ID)
    await spool.forget(SESSION_ID)
    assert disk.contents == {}
    with pytest.raises(Missing):
        await spool.sealed_with_content(SESSION_ID, 1 << 20)


@pytest.mark.parametrize("session_id", ["../etc/passwd", "", "a" * 25, "A" * 26, "a" * 26 + "\n"])
async def test_names_that_are_no_ids_are_refused(session_id: str) -> None:
    spool = spool_on(Disk())
    with pytest.raises(Invalid):
        spool.open(header(session_id), unexpected)
    with pytest.raises(Invalid):
        await spool.read(session_id, 0, 1)
    with pytest.raises(Invalid):
        await spool.forget(session_id)


async def test_files_are_for_the_owner_only(tmp_path: Path) -> None:
    directory = tmp_path / "spool"
    spool = Spool(DiskFiles(directory), ManualClock())
    recorder = spool.open(header(), unexpected)
    await spool.seal(recorder, "closed")
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}
    assert {path.name for path in directory.iterdir()} == {NAME, SESSION_ID + ".manifest"}


VICTIM = """
import sys
from pathlib import Path
from doorward.base.clock import SystemClock
from doorward.domain.recording.levels import RecordingLevel, StreamKind
from doorward.gateway.recorder.files import DiskFiles
from doorward.gateway.recorder.spool import Spool
from tests.support.recordings import header
recorder = Spool(DiskFiles(Path(sys.argv[1])), SystemClock()).open(header(), print)
stream = recorder.open_stream(StreamKind.SHELL, RecordingLevel.OUTPUT)
number = 0
while True:
    recorder.output(stream, b"line %08d\\n" % number)
    sys.stdout.buffer.write(b"line %08d\\n" % number)
    sys.stdout.flush()
    number += 1
"""


async def test_a_killed_gateway_leaves_everything_that_it_had_forwarded(tmp_path: Path) -> None:
    directory = tmp_path / "spool"
    victim = await asyncio.create_subprocess_exec(
        sys.executable, "-c", VICTIM, str(directory), stdout=asyncio.subprocess.PIPE
    )
    assert victim.stdout is not None
    forwarded = await victim.stdout.readexactly(14 * 200)
    victim.kill()
    forwarded += await victim.stdout.read()
    await victim.wait()
    spool = Spool(DiskFiles(directory), ManualClock())
    [found] = await spool.recover("gateway_lost")
    assert found.manifest is not None
    assert found.manifest.end_reason == "gateway_lost"
    data = await spool.read(SESSION_ID, 0, 1 << 30)
    stored = b"".join(frame.data for frame in recover(data).frames)
    assert len(forwarded) >= 14 * 200
    assert stored.startswith(forwarded)
    assert hashlib.sha256(b"\x00" + data).hexdigest() == found.manifest.digest


GREEDY = """
import resource, sys
from pathlib import Path
from doorward.base.clock import SystemClock
from doorward.domain.recording.levels import RecordingLevel, StreamKind
from doorward.gateway.recorder.failures import RecorderFailed
from doorward.gateway.recorder.files import DiskFiles
from doorward.gateway.recorder.spool import Spool
from tests.support.recordings import header
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
recorder = Spool(DiskFiles(Path(sys.argv[1])), SystemClock()).open(header(), print)
stream = recorder.open_stream(StreamKind.SHELL, RecordingLevel.OUTPUT)
forwarded = 0
try:
    while True:
        recorder.output(stream, bytes(4096))
        forwarded += 4096
except RecorderFailed:
    print(forwarded)
"""


async def test_a_real_short_write_stores_no_half_frame(tmp_path: Path) -> None:
    directory = tmp_path / "spool"
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", GREEDY, str(directory), stdout=asyncio.subprocess.PIPE
    )
    forwarded, _ = await child.communicate()
    spool = Spool(DiskFiles(directory), ManualClock())
    [found] = await spool.recover("recorder_failed")
    assert (directory / NAME).stat().st_size < 100_000
    assert found.manifest is not None
    assert found.manifest.content_bytes == int(forwarded) > 90_000
