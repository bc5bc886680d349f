"""What is told of files that are open when a session's quota ends it: nothing of it may be lost to that quota."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import sftp
from tests.support.recordings import SESSION_ID, header
from tests.support.spool import Disk, MemoryFiles, unexpected

from doorward.base.clock import ManualClock
from doorward.domain.recording.container import FRAME_OVERHEAD_BYTES, encode_body
from doorward.domain.recording.frames import Body, FrameType, Note, StreamClosed
from doorward.domain.recording.levels import RecordingLevel, StreamKind
from doorward.domain.recording.reader import recover
from doorward.gateway.recorder.budget import RecorderLimits
from doorward.gateway.recorder.failures import QuotaReached
from doorward.gateway.recorder.spool import Spool
from doorward.gateway.relays.sftp import Record, SftpRelay
from doorward.gateway.relays.sftp_tables import FILES_MAX, PATH_BYTES_MAX
from doorward.gateway.ssh.recording import SessionRecording
from doorward.gateway.ssh.sftp_stream import SftpStream
from doorward.wire.sftp.codes import OpenFlag, PacketType
from doorward.wire.ssh.fields import encode_uint32

KIB = 1024
WRITE = OpenFlag.WRITE | OpenFlag.CREATE
LEVELS = [RecordingLevel.EVENTS, RecordingLevel.STRICT]


@dataclass
class Transfer:
    """A transfer in a session whose recording may hold `limit_bytes`; stores like a session, and only that."""

    level: RecordingLevel
    limit_bytes: int
    disk: Disk = field(default_factory=Disk)
    told: list[Note] = field(default_factory=list)
    passed: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.spool = Spool(MemoryFiles(self.disk), ManualClock(), RecorderLimits(session_bytes_max=self.limit_bytes))
        self.recorder = self.spool.open(header(), unexpected)
        self.recording = SessionRecording(self.recorder, lambda _recorder: None)
        self.number = self.recorder.open_stream(StreamKind.SFTP, self.level)
        self.stream = SftpStream(SftpRelay(self.level), self.number, self, lambda _kind, data: self.passed.append(data))
        assert not self.stream.from_user(sftp.init())
        assert not self.stream.from_node(sftp.version())

    def store(self, stream: int, content: FrameType, data: bytes) -> None:
        self.recording.content(stream, content, data)

    def store_event(self, stream: int, body: Body, *, is_closing: bool = False) -> None:
        self.recording.event(stream, body, is_closing=is_closing)

    def keep_room(self, stream: int, size_bytes: int) -> None:
        self.recording.keep_room(stream, size_bytes)

    def file_operated(self, _stream: int, _operation: str, note: Note) -> None:
        self.told.append(note)

    def file_refused(self, _stream: int, _operation: str, note: Note) -> None:
        self.told.append(note)

    def open(self, number: int, path: bytes) -> None:
        self.stream.from_user(sftp.opening(number, path, WRITE))
        self.stream.from_node(sftp.handle(number, encode_uint32(number)))

    def write(self, number: int, data: bytes, offset: int = 0) -> None:
        self.stream.from_user(sftp.writing(1_000_000, offset, data, encode_uint32(number)))
        self.stream.from_node(sftp.status(1_000_000))

    def notes(self) -> list[Note]:
        frames = recover(bytes(self.disk.contents[SESSION_ID + ".dwr"])).frames
        return [frame.content for frame in frames if isinstance(frame.content, Note)]


def until_full(act: Callable[[int], None]) -> int:
    """Repeat until the quota is reached; how often it went well."""
    for number in range(100_000):
        try:
            act(number)
        except QuotaReached:
            return number
    raise AssertionError("the quota was never reached")


@pytest.mark.parametrize("path_bytes", [1, PATH_BYTES_MAX])
def test_each_file_that_is_open_when_a_quota_ends_the_session_gets_its_closing_note(path_bytes: int) -> None:
    transfer = Transfer(RecordingLevel.STRICT, 1024 * KIB)
    paths = [b"%02d" % number + b"/" * (path_bytes - 1) for number in range(20)]
    for number, path in enumerate(paths):
        transfer.open(number, path[:PATH_BYTES_MAX])
        transfer.write(number, b"content of %d" % number)
    # Out of order, so that each piece is stored itself, until there is no more room for one.
    until_full(lambda turn: transfer.write(0, b"x" * KIB, 1 << 20 | turn * 2 * KIB))
    transfer.stream.finish()
    last = {note.path: note for note in transfer.notes()}
    for number, path in enumerate(paths):
        note = last[path[:PATH_BYTES_MAX]]
        assert (note.event, note.result) == ("sftp.write", "unfinished")
        if number:
            assert (note.size, note.sha256) == (len(b"content of %d" % number), sha(b"content of %d" % number))
    transfer.recording.event(transfer.number, StreamClosed())
    assert len(transfer.disk.contents[SESSION_ID + ".dwr"]) <= 1024 * KIB


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


@pytest.mark.parametrize("level", LEVELS)
def test_an_opening_for_whose_end_there_is_no_room_is_not_passed_on(level: RecordingLevel) -> None:
    transfer = Transfer(level, 64 * KIB)
    count = until_full(lambda turn: transfer.open(turn, b"%04d" % turn))
    assert 0 < count < FILES_MAX
    asked = [data for data in transfer.passed if data[4] == PacketType.OPEN]
    given = [data for data in transfer.passed if data[4] == PacketType.HANDLE]
    transfer.stream.finish()
    told = {note.path for note in transfer.told}
    assert told == {b"%04d" % turn for turn in range(count + 1)}  # the last one as well: it was asked for
    assert {note.path for note in transfer.notes() if note.result == "unfinished"} >= {
        b"%04d" % turn for turn in range(len(given))
    }
    assert len(given) == count <= len(asked)


def test_files_that_are_closed_give_their_room_back() -> None:
    transfer = Transfer(RecordingLevel.STRICT, 512 * KIB)
    held = transfer.spool.budget.used_by(f"user {header().user_id}")
    written = len(transfer.disk.contents[SESSION_ID + ".dwr"])
    for number in range(100):
        transfer.open(number, b"/" * 100)
        transfer.stream.from_user(sftp.closing(1_000_001, encode_uint32(number)))
        transfer.stream.from_node(sftp.status(1_000_001))
    grown = len(transfer.disk.contents[SESSION_ID + ".dwr"]) - written
    assert transfer.spool.budget.used_by(f"user {header().user_id}") - held == grown


STEPS = st.lists(st.tuples(st.sampled_from(["open", "write", "close", "remove", "copy", "answer"]), st.integers(0, 3)))


@given(steps=STEPS, path=st.binary(min_size=1, max_size=PATH_BYTES_MAX).filter(lambda path: b"\0" not in path))
def test_what_is_owed_covers_what_is_told_at_the_end(steps: list[tuple[str, int]], path: bytes) -> None:
    relay = SftpRelay(RecordingLevel.STRICT)
    relay.from_user(sftp.init())
    relay.from_node(sftp.version())
    opening: list[tuple[int, int]] = []
    for identity, (step, file) in enumerate(steps):
        handle = encode_uint32(file)
        match step:
            case "open":
                relay.from_user(sftp.opening(identity, path, WRITE | OpenFlag.READ))
                opening.append((identity, file))
            case "write":
                relay.from_user(sftp.writing(identity, identity * 7, b"some", handle))
            case "close":
                relay.from_user(sftp.closing(identity, handle))
            case "remove":
                relay.from_user(sftp.request(PacketType.REMOVE, identity, path))
            case "copy":
                relay.from_user(sftp.request(PacketType.RENAME, identity, path, path))
            case _ if opening:
                asked, number = opening.pop()
                relay.from_node(sftp.handle(asked, encode_uint32(number)))
    owed = relay.owed_bytes
    closing = [each for each in relay.ended() if isinstance(each, Record)]
    assert all(each.is_closing for each in closing)
    assert sum(FRAME_OVERHEAD_BYTES + len(encode_body(each.note)) for each in closing) <= owed or not closing
    assert relay.owed_bytes == 0
