"""Closing a recording for good: its end frame, its digest, its manifest beside it.

All of it runs in a worker thread, since it waits for the disk and hashes whole files. The manifest's file is what says
that a recording is sealed, and is written last: after a crash anywhere in between, `seal_torn` does it again.
"""

from typing import Final

from doorward.domain.recording.container import encode_frame, frame_of
from doorward.domain.recording.digest import TreeDigest
from doorward.domain.recording.frames import PAYLOAD_BYTES_MAX, SESSION_STREAM, End, Header
from doorward.domain.recording.manifest import Manifest, manifest_of
from doorward.domain.recording.reader import ContainerReader, CorruptRecording, NeedData
from doorward.domain.recording.tally import Tally
from doorward.gateway.recorder.failures import RecorderFailed
from doorward.gateway.recorder.files import SpoolFile, SpoolFiles

READ_BYTES: Final = 1024 * 1024
HEADER_READ_BYTES: Final = 4096
HEADER_BYTES_MAX: Final = 2 * PAYLOAD_BYTES_MAX
RECORDING_SUFFIX: Final = ".dwr"
MANIFEST_SUFFIX: Final = ".manifest"
TORN_SUFFIX: Final = ".torn"  # not even a header: nothing was ever forwarded


def end_frame(tally: Tally, reason: str, elapsed_micros: int) -> bytes:
    """The last frame of a recording whose frames went through `tally`, which counts it too."""
    body = End(reason, tally.frames, tally.content_bytes)
    frame = encode_frame(frame_of(SESSION_STREAM, elapsed_micros, body))
    tally.add_body(SESSION_STREAM, elapsed_micros, body)
    return frame


def seal_whole(files: SpoolFiles, file: SpoolFile, session_id: str, tally: Tally, size_bytes: int) -> Manifest:
    """Sync, digest and manifest of a recording that has its end frame; closes it. `OSError` when the disk fails."""
    try:
        file.sync()
    finally:
        file.close()
    tree = TreeDigest()
    while tree.size_bytes < size_bytes:
        length = min(READ_BYTES, size_bytes - tree.size_bytes)
        data = files.read(session_id + RECORDING_SUFFIX, tree.size_bytes, length)
        if not data:
            raise RecorderFailed("sealing a recording: its file is shorter than what was written")
        tree.update(data)
    manifest = manifest_of(tally, size_bytes=size_bytes, digest=tree.digest())
    files.put(session_id + MANIFEST_SUFFIX, manifest.signed_bytes())
    return manifest


def seal_torn(files: SpoolFiles, session_id: str, reason: str) -> Manifest | None:
    """Cut a recording that nobody closed to its last whole frame, end it with `reason`, seal it.

    None when not even its header is whole: the file is put aside. Safe to repeat.
    """
    name = session_id + RECORDING_SUFFIX
    tally, valid_bytes = _scan(files, name)
    if tally.header is None:
        files.put(session_id + TORN_SUFFIX, files.read(name, 0, READ_BYTES))
        files.remove(name)
        return None
    file = files.reopen(name)
    try:
        if files.size(name) != valid_bytes:
            file.truncate(valid_bytes)
        if tally.end_reason is None:
            last = end_frame(tally, reason, tally.elapsed_micros)
            if file.writev([last]) != len(last):
                raise RecorderFailed("sealing a recording: the disk is full")
            valid_bytes += len(last)
    except (OSError, RecorderFailed):
        file.close()
        raise
    return seal_whole(files, file, session_id, tally, valid_bytes)


def header_of(files: SpoolFiles, name: str) -> Header | None:
    """Whose recording it is; None when not even its header is whole."""
    reader, offset = ContainerReader(), 0
    while offset <= HEADER_BYTES_MAX and (data := files.read(name, offset, HEADER_READ_BYTES)):
        offset += len(data)
        reader.receive(data)
        try:
            event = reader.next_event()
        except CorruptRecording:
            return None
        if not isinstance(event, NeedData):
            return event.content if isinstance(event.content, Header) else None
    return None


def _scan(files: SpoolFiles, name: str) -> tuple[Tally, int]:
    reader, tally, offset = ContainerReader(), Tally(), 0
    while data := files.read(name, offset, READ_BYTES):
        offset += len(data)
        reader.receive(data)
        try:
            while not isinstance(event := reader.next_event(), NeedData):
                tally.add(event)
        except CorruptRecording:
            break
    return tally, reader.valid_bytes
