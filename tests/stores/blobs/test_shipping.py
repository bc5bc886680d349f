"""What a gateway recorded arrives at the authority's directory, sealed and the same."""

from pathlib import Path

from tests.support.recordings import SESSION_ID, header
from tests.support.spool import unexpected

from doorward.base.clock import SystemClock
from doorward.base.errors import DoorwardError
from doorward.domain.recording.levels import RecordingLevel, StreamKind
from doorward.domain.recording.manifest import Manifest
from doorward.domain.recording.reader import recover
from doorward.gateway.recorder.files import DiskFiles
from doorward.gateway.recorder.shipper import Shipper
from doorward.gateway.recorder.spool import Spool
from doorward.stores.blobs.directory import DirectoryRecordings

MIB = 1024 * 1024


class Directly:
    """The sink without the wire between."""

    def __init__(self, store: DirectoryRecordings) -> None:
        self._store = store

    async def append(self, session_id: str, offset: int, data: bytes) -> int:
        return await self._store.append(session_id, offset, data)

    async def seal(self, session_id: str, manifest: Manifest, content: bytes | None) -> None:
        if content is not None:
            await self._store.append(session_id, 0, content)
        await self._store.seal(session_id, manifest.size_bytes, manifest.digest_bytes)


async def test_a_recording_arrives_whole_and_leaves_the_spool(tmp_path: Path) -> None:
    problems: list[DoorwardError] = []
    spool = Spool(DiskFiles(tmp_path / "spool"), SystemClock())
    store = DirectoryRecordings(tmp_path / "recordings")
    shipper = Shipper(spool, Directly(store), SystemClock(), lambda _, error: problems.append(error))
    recorder = spool.open(header(), unexpected)
    stream = recorder.open_stream(StreamKind.EXEC, RecordingLevel.OUTPUT)
    await shipper.ship_live()
    recorder.output(stream, bytes(range(256)) * 12_000)
    manifest = await spool.seal(recorder, "closed")
    await shipper.ship_sealed()
    assert problems == []
    assert list((tmp_path / "spool").iterdir()) == []
    data = b"".join([await store.read(SESSION_ID, offset, MIB) for offset in range(0, manifest.size_bytes, MIB)])
    kept = recover(data)
    assert kept.ended
    assert b"".join(frame.data for frame in kept.frames) == bytes(range(256)) * 12_000
