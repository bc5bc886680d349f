"""Carries out what the SFTP relay decides: records, tells the log, passes on; in exactly that order."""

from collections.abc import Callable, Iterable
from typing import Protocol

from doorward.domain.recording.frames import Body, FrameType, Note
from doorward.gateway.relays.sftp import Broken, Effect, Keep, Operated, Record, RefusedHere, SftpRelay, ToNode, ToUser


class FileHost(Protocol):
    """The session, as far as a transfer of files needs it. Storing raises when it can not be done."""

    def store(self, stream: int, content: FrameType, data: bytes) -> None: ...
    def store_event(self, stream: int, body: Body) -> None: ...
    def file_operated(self, stream: int, operation: str, note: Note) -> None: ...
    def file_refused(self, stream: int, operation: str, note: Note) -> None: ...


class SftpStream:
    """One stream. `passes(content, data)` sends on what was found good."""

    def __init__(
        self, relay: SftpRelay, stream: int, host: FileHost, passes: Callable[[FrameType, bytes], None]
    ) -> None:
        self._relay = relay
        self._stream = stream
        self._host = host
        self._passes = passes

    def from_user(self, data: bytes) -> str:
        """Carry input; a line when the stream must end with it. `DoorwardError` when something can not be stored."""
        return self._carry_out(self._relay.from_user(data))

    def from_node(self, data: bytes) -> str:
        """Carry output; as `from_user`."""
        return self._carry_out(self._relay.from_node(data))

    def finish(self) -> None:
        """It is over: tell of what was not finished."""
        self._carry_out(self._relay.ended())

    def _carry_out(self, effects: Iterable[Effect]) -> str:
        for effect in effects:
            match effect:
                case ToNode(data):
                    self._passes(FrameType.INPUT, data)
                case ToUser(data):
                    self._passes(FrameType.OUTPUT, data)
                case Record(note):
                    self._host.store_event(self._stream, note)
                case Keep(content, data):
                    self._host.store(self._stream, content, data)
                case Operated(operation, note):
                    self._host.file_operated(self._stream, operation, note)
                case RefusedHere(operation, note):
                    self._host.file_refused(self._stream, operation, note)
                case Broken(line):
                    return line
        return ""
