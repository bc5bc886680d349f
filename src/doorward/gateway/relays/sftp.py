"""Reads an SFTP stream along: what passes, what is recorded of it, what is refused.

Pure: bytes in, effects out, in the order in which they must be carried out. A packet passes as the very bytes that
came, once it is whole and understood, or it is answered here; nothing is ever re-encoded. What changes
something is recorded before it is asked and again when it is answered; content by its length and SHA-256 when its file
is closed.
Under `strict` also what is only looked at is recorded, each request and answer by its SHA-256; greetings and pieces out
of order are stored themselves, a status passes without the node's words, and a file beyond the limit is refused
(`domain.recording.levels`).
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from doorward.domain.recording.frames import FrameType, Note
from doorward.domain.recording.levels import DIGEST_FILE_BYTES_MAX, RecordingLevel
from doorward.gateway.relays import sftp_tables as tables
from doorward.gateway.relays.sftp_files import OpenFile, Passage, note_bytes
from doorward.gateway.relays.sftp_tables import result_of
from doorward.wire.errors import RemoteProtocolError
from doorward.wire.sftp.answers import Answer, Version, encode_status, parse_answer
from doorward.wire.sftp.codes import VERSION, Operation, PacketType, Status
from doorward.wire.sftp.packets import NeedData, Packet, PacketReader
from doorward.wire.sftp.requests import Init, Request, parse_request


@dataclass(frozen=True, slots=True)
class ToNode:
    """Pass these bytes on to the node."""

    data: bytes


@dataclass(frozen=True, slots=True)
class ToUser:
    """Pass these bytes on to the user."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Record:
    """Store this note; `is_closing` when room for it was promised before (`SftpRelay.owed_bytes`)."""

    note: Note
    is_closing: bool = False


@dataclass(frozen=True, slots=True)
class Keep:
    """Store this content."""

    content: FrameType
    data: bytes


@dataclass(frozen=True, slots=True)
class Operated:
    """Tell the log."""

    operation: str
    note: Note


@dataclass(frozen=True, slots=True)
class RefusedHere:
    """Tell the log of a request that did not reach the node: a client can ask as fast as it likes."""

    operation: str
    note: Note


@dataclass(frozen=True, slots=True)
class Broken:
    """Nothing after this can be understood: end the stream with this line."""

    line: str


Effect = ToNode | ToUser | Record | Keep | Operated | RefusedHere | Broken


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A request without its answer yet."""

    request: Request
    file: OpenFile | None


_OnPacket = Callable[[list[Effect], Packet], None]


class SftpRelay:
    """One SFTP stream; `ended` once, when it is over for whatever reason.

    `owed_bytes`: what the notes of all that is open or unanswered take at most, on the way to their end. Whoever stores
    them keeps so much room before anything passes that an effect stands for: a quota may end the stream at any of them.
    """

    def __init__(self, level: RecordingLevel) -> None:
        self._keeps_all: Final = level is RecordingLevel.STRICT
        self._requests = PacketReader()
        self._answers = PacketReader()
        self._waiting: dict[int, _Waiting] = {}
        self._files: dict[bytes, OpenFile] = {}
        self._openings = 0  # asked for and not answered
        self.owed_bytes = 0
        self._was_greeted = False
        self._is_agreed = False
        self._is_over = False

    def from_user(self, data: bytes) -> list[Effect]:
        """What the user's client sent."""
        return self._read(self._requests, data, self._on_request)

    def from_node(self, data: bytes) -> list[Effect]:
        """What the node sent."""
        return self._read(self._answers, data, self._on_answer)

    def ended(self) -> list[Effect]:
        """It is over: what is open and unanswered is told as unfinished."""
        effects: list[Effect] = []
        self._is_over = True
        for waiting in self._waiting.values():
            request = waiting.request
            if request.operation is Operation.CLOSE and waiting.file is not None:
                self._tell_file(effects, waiting.file, tables.UNFINISHED)
            elif request.operation in tables.CHANGES or request.operation in tables.OPENINGS:
                self._tell(effects, waiting, tables.UNFINISHED)
        for file in self._files.values():
            self._tell_file(effects, file, tables.UNFINISHED)
        self._waiting.clear()
        self._files.clear()
        self.owed_bytes = 0
        return effects

    def _read(self, reader: PacketReader, data: bytes, on_packet: _OnPacket) -> list[Effect]:
        effects: list[Effect] = []
        if self._is_over:
            return effects
        try:
            reader.receive(data)
            while not isinstance(packet := reader.next_packet(), NeedData):
                on_packet(effects, packet)
        except RemoteProtocolError as error:
            self._is_over = True
            effects.append(Record(Note(event="sftp.broken", result=error.message)))
            effects.append(Broken(tables.LINE_BROKEN))
        return effects

    # --- requests ---

    def _on_request(self, effects: list[Effect], packet: Packet) -> None:
        request = parse_request(packet)
        if isinstance(request, Init):
            if self._was_greeted or request.version < VERSION:
                raise RemoteProtocolError("reading SFTP: a greeting that may not be here")
            self._was_greeted = True
            self._keep_greeting(effects, FrameType.INPUT, packet)
            effects.append(ToNode(packet.raw))
            return
        if not self._was_greeted or request.id in self._waiting or len(self._waiting) >= tables.REQUESTS_WAITING_MAX:
            raise RemoteProtocolError("reading SFTP: a request before the greeting, twice, or one too many")
        waiting = _Waiting(request, self._files.get(request.handle))
        refusal = self._refusal(waiting)
        if refusal is not None:
            status, line = refusal
            refused = self._note(waiting, tables.REFUSED)
            effects.append(Record(refused))
            effects.append(RefusedHere(tables.CHANGES.get(request.operation, request.operation.value), refused))
            effects.append(ToUser(encode_status(request.id, status, line)))
            return
        self._ask(effects, waiting, packet)
        self._waiting[request.id] = waiting
        self.owed_bytes += _owed(waiting)
        effects.append(ToNode(packet.raw))

    def _refusal(self, waiting: _Waiting) -> tuple[Status, str] | None:
        request, file = waiting.request, waiting.file
        if request.operation is Operation.UNKNOWN:
            return Status.OP_UNSUPPORTED, tables.LINE_UNKNOWN
        if any(len(path) > tables.PATH_BYTES_MAX or b"\0" in path for path in (request.path, request.new_path)):
            return Status.FAILURE, tables.LINE_PATH
        if request.operation in tables.BY_HANDLE and file is None:
            return Status.FAILURE, tables.LINE_HANDLE
        if request.operation is Operation.COPY_DATA and request.new_handle not in self._files:
            return Status.FAILURE, tables.LINE_HANDLE
        if request.operation in tables.OPENINGS and len(self._files) + self._openings >= tables.FILES_MAX:
            return Status.FAILURE, tables.LINE_FILES
        if request.operation is Operation.WRITE and file and self._is_too_large(file.writes, request.length):
            return Status.PERMISSION_DENIED, tables.LINE_LARGE
        return None

    def _ask(self, effects: list[Effect], waiting: _Waiting, packet: Packet) -> None:
        """Record what is about to be asked."""
        request, file = waiting.request, waiting.file
        operation = request.operation
        self._openings += operation in tables.OPENINGS
        if operation is Operation.WRITE and file is not None:
            offset = None if file.appends else request.offset
            self._pass(effects, file, file.writes, offset, request.data)
        elif operation is Operation.CLOSE:
            self.owed_bytes -= self._files.pop(request.handle).owed_bytes
        elif operation not in tables.CONTENTS and (
            self._keeps_all or operation in tables.CHANGES or operation in tables.OPENINGS
        ):
            effects.append(Record(self._note(waiting, tables.ASKED, packet.raw if self._keeps_all else b"")))

    def _keep_greeting(self, effects: list[Effect], content: FrameType, packet: Packet) -> None:
        """What stands behind the version is anybody's, and means nothing to us."""
        if self._keeps_all:
            effects.append(Record(Note(event="sftp.greeting", size=len(packet.raw))))
            effects.append(Keep(content, packet.raw))

    # --- answers ---

    def _on_answer(self, effects: list[Effect], packet: Packet) -> None:
        answer = parse_answer(packet)
        if isinstance(answer, Version):
            if not self._was_greeted or self._is_agreed or answer.version != VERSION:
                raise RemoteProtocolError("reading SFTP: only version 3 is read, and once")
            self._is_agreed = True
            self._keep_greeting(effects, FrameType.OUTPUT, packet)
            effects.append(ToUser(packet.raw))
            return
        waiting = self._waiting.pop(answer.id, None)
        if waiting is None or not self._is_agreed or not answer.fits(waiting.request.operation):
            raise RemoteProtocolError("reading SFTP: an answer that belongs to no request")
        operation = waiting.request.operation
        self.owed_bytes -= _owed(waiting)
        if operation in tables.CONTENTS and waiting.file is not None:
            if not self._content_answered(effects, waiting, waiting.file, answer):
                return
        elif operation in tables.OPENINGS:
            self._open_answered(effects, waiting, answer, packet)
        elif operation in tables.CHANGES:
            self._tell(effects, waiting, result_of(answer.code))
        elif self._keeps_all:
            effects.append(Record(self._note(waiting, result_of(answer.code), packet.raw)))
        if self._keeps_all and answer.type is PacketType.STATUS:
            # Its words are the node's, and stored nowhere.
            effects.append(ToUser(encode_status(answer.id, answer.code, result_of(answer.code))))
        else:
            effects.append(ToUser(packet.raw))

    def _content_answered(self, effects: list[Effect], waiting: _Waiting, file: OpenFile, answer: Answer) -> bool:
        """Whether the answer may pass."""
        operation = waiting.request.operation
        if operation is Operation.CLOSE:
            self._tell_file(effects, file, result_of(answer.code))
        elif answer.code not in (Status.OK, Status.EOF):
            file.failure = file.failure or result_of(answer.code)
        elif operation is Operation.READDIR:
            file.reads.add(None, answer.names)
        elif operation is Operation.READ:
            return self._may_read(effects, waiting.request, file, answer.data)
        return True

    def _may_read(self, effects: list[Effect], request: Request, file: OpenFile, data: bytes) -> bool:
        if len(data) > request.length:
            raise RemoteProtocolError("reading SFTP: more content than was asked for")
        if self._is_too_large(file.reads, len(data)):
            file.failure = file.failure or tables.REFUSED
            effects.append(ToUser(encode_status(request.id, Status.PERMISSION_DENIED, tables.LINE_LARGE)))
            return False
        if data:
            self._pass(effects, file, file.reads, request.offset, data)
        return True

    def _open_answered(self, effects: list[Effect], waiting: _Waiting, answer: Answer, packet: Packet) -> None:
        request = waiting.request
        self._openings -= 1
        if answer.type is not PacketType.HANDLE:
            self._tell(effects, waiting, result_of(answer.code))
            return
        if answer.handle in self._files:
            raise RemoteProtocolError("reading SFTP: a handle that is open already")
        if self._keeps_all:
            effects.append(Record(self._note(waiting, result_of(Status.OK), packet.raw)))
        is_directory = request.operation is Operation.OPENDIR
        self._files[answer.handle] = file = OpenFile(request.path, request.flags, is_directory)
        self.owed_bytes += file.owed_bytes

    # --- content, and what is told of it ---

    def _pass(self, effects: list[Effect], file: OpenFile, passage: Passage, offset: int | None, data: bytes) -> None:
        is_write = passage is file.writes
        if not passage.add(offset, data) and self._keeps_all:
            piece = Note(event="sftp.content", path=file.path, size=len(data), detail=f"at byte {offset}")
            effects.append(Record(piece))
            effects.append(Keep(FrameType.INPUT if is_write else FrameType.OUTPUT, data))
        if passage.is_note_due(keeps_all=self._keeps_all):
            name = "write" if is_write else "read"
            effects.append(Record(file.note(name, passage, tables.SO_FAR, keeps_all=self._keeps_all)))

    def _is_too_large(self, passage: Passage, more_bytes: int) -> bool:
        return self._keeps_all and passage.size_bytes + more_bytes > DIGEST_FILE_BYTES_MAX

    def _tell_file(self, effects: list[Effect], file: OpenFile, result: str) -> None:
        for name, passage in file.passages():
            note = file.note(name, passage, file.failure or result, keeps_all=self._keeps_all)
            effects.append(Record(note, is_closing=True))
            effects.append(Operated(name, note))

    def _tell(self, effects: list[Effect], waiting: _Waiting, result: str) -> None:
        note = self._note(waiting, result)
        operation = waiting.request.operation
        effects.append(Record(note, is_closing=True))
        effects.append(Operated(tables.CHANGES.get(operation, operation.value), note))

    def _note(self, waiting: _Waiting, result: str, packet: bytes = b"") -> Note:
        request, file = waiting.request, waiting.file
        return Note(
            event=f"sftp.{request.operation.value}",
            path=(request.path if file is None else file.path)[: tables.PATH_BYTES_MAX],
            new_path=self._new_path(request)[: tables.PATH_BYTES_MAX],
            size=len(packet),
            sha256=hashlib.sha256(packet).digest() if packet else b"",
            result=result,
            detail=tables.detail_of(request),
        )

    def _new_path(self, request: Request) -> bytes:
        target = self._files.get(request.new_handle) if request.new_handle else None
        return request.new_path if target is None else target.path


def _owed(waiting: _Waiting) -> int:
    """What the note that a request's answer brings takes at most; one that is told with its file owes that."""
    request, file = waiting.request, waiting.file
    if request.operation is Operation.CLOSE and file is not None:
        return file.owed_bytes
    if request.operation not in tables.CHANGES and request.operation not in tables.OPENINGS:
        return 0
    # A change by handle is told by its file's path, a copy by two of them; the second file may be gone by then.
    new_path_bytes = tables.PATH_BYTES_MAX if request.new_handle else len(request.new_path)
    return note_bytes(len(request.path if file is None else file.path), new_path_bytes)
