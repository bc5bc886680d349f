"""Carries out what the SFTP relay decides: records, tells the log, passes on; in exactly that order."""

from collections.abc import Callable, Iterable
from typing import Protocol

from doorward.base.errors import DoorwardError
from doorward.domain.recording.frames import Body, FrameType, Note
from doorward.gateway.relays.sftp import Broken, Effect, Keep, Operated, Record, RefusedHere, SftpRelay, ToNode, ToUser


class FileHost(Protocol):
    """The session, as far as a transfer of files needs it. Storing raises when it can not be done."""

    def store(self, stream: int, content: FrameType, data: bytes) -> None: ...
    def store_event(self, stream: int, body: Body, *, is_closing: bool = False) -> None: ...
    def keep_room(self, stream: int, size_bytes: int) -> None:
        """Keep so much for closing events of this stream, in place of what was kept before."""
        ...

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
        self._kept_bytes = 0

    def from_user(self, data: bytes) -> str:
        """Carry input; a line when the stream must end with it. `DoorwardError` when something can not be stored."""
        return self._carry_out(self._relay.from_user(data))

    def from_node(self, data: bytes) -> str:
        """Carry output; as `from_user`."""
        return self._carry_out(self._relay.from_node(data))

    def finish(self) -> None:
        """It is over: tell of what was not finished, each whatever became of the one before; then raise what failed."""
        failure: DoorwardError | None = None
        for effect in self._relay.ended():
            try:
                self._each((effect,))
            except DoorwardError as error:
                failure = failure or error
        if failure is not None:
            raise failure
        self._keep_room()

    def _carry_out(self, effects: Iterable[Effect]) -> str:
        """What opens pays for its closing note before anything passes; what was closed gives back what it left."""
        if self._relay.owed_bytes > self._kept_bytes:
            self._keep_room()
        line = self._each(effects)
        if self._relay.owed_bytes < self._kept_bytes:
            self._keep_room()
        return line

    def _keep_room(self) -> None:
        self._host.keep_room(self._stream, self._relay.owed_bytes)
        self._kept_bytes = self._relay.owed_bytes

    def _each(self, effects: Iterable[Effect]) -> str:
        for effect in effects:
            match effect:
                case ToNode(data):
                    self._passes(FrameType.INPUT, data)
                case ToUser(data):
                    self._passes(FrameType.OUTPUT, data)
                case Record(note, is_closing):
                    self._host.store_event(self._stream, note, is_closing=is_closing)
                case Keep(content, data):
                    self._host.store(self._stream, content, data)
                case Operated(operation, note):
                    self._host.file_operated(self._stream, operation, note)
                case RefusedHere(operation, note):
                    self._host.file_refused(self._stream, operation, note)
                case Broken(line):
                    return line
        return ""
