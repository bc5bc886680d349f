"""What a recording is made of: typed frames, each in one stream at one moment.

Values and names here stand in files that must be readable for years: numbers are never used again with another
meaning, fields are only ever added with a default, and a change that an older reader would misread raises the
container's version. docs/protocols/recording.md is the same in words.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import msgspec

from doorward.base.errors import Invalid
from doorward.domain.recording.levels import RecordingLevel, StreamKind

SESSION_STREAM: Final = 0  # frames about the session as a whole
STREAM_NUMBER_MAX: Final = 2**32 - 1
ELAPSED_MICROS_MAX: Final = 2**63 - 1
PAYLOAD_BYTES_MAX: Final = 1024 * 1024  # a reader never holds more than one frame of this size


class FrameType(IntEnum):
    """The byte that says what a payload is."""

    HEADER = 1
    STREAM_OPENED = 2
    OUTPUT = 3
    ERROR_OUTPUT = 4
    INPUT = 5
    RESIZED = 6
    SIGNALLED = 7
    EXITED = 8
    NOTE = 9
    PARTIAL = 10
    STREAM_CLOSED = 11
    END = 12


CONTENT_TYPES: Final = frozenset({FrameType.OUTPUT, FrameType.ERROR_OUTPUT, FrameType.INPUT})
SESSION_TYPES: Final = frozenset({FrameType.HEADER, FrameType.END})


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A payload that is JSON; bytes stand in it as base64."""


class Header(Body, frozen=True):
    """Which session this is; the first frame. `started_micros`: wall time, microseconds since 1970 UTC."""

    session_id: str
    installation_id: str
    gateway_id: str
    user_id: str
    user: str
    node_id: str
    node: str
    login: str
    level: str
    started_micros: int

    def __post_init__(self) -> None:
        RecordingLevel.parse(self.level)


class StreamOpened(Body, frozen=True):
    """A stream began. `level` is what is asked for it; `columns` and `rows` are zero without a terminal.

    `command` is exactly what the client sent for exec, `destination` where a forward goes (`host:port` or a path).
    """

    kind: StreamKind
    level: str
    command: bytes = b""
    destination: str = ""
    term: str = ""
    columns: int = 0
    rows: int = 0

    def __post_init__(self) -> None:
        RecordingLevel.parse(self.level)


class Resized(Body, frozen=True):
    """The terminal's new size in characters."""

    columns: int
    rows: int


class Signalled(Body, frozen=True):
    """The user sent a signal, named without SIG (RFC 4254 section 6.9)."""

    name: str


class Exited(Body, frozen=True):
    """The command ended: with a status, or by a signal (RFC 4254 section 6.10)."""

    status: int | None = None
    signal: str = ""
    core_dumped: bool = False
    message: str = ""


class Note(Body, frozen=True):
    """Something that happened beside the bytes: a file operation, a forwarded connection, who typed.

    `event` is a stable code such as `sftp.read`; `path` is exactly what the client sent; `size` counts content bytes;
    `sha256` is the digest of the whole file's content, empty where there was none; `result` is `ok` or why not.
    """

    event: str
    path: bytes = b""
    new_path: bytes = b""
    size: int = 0
    sha256: bytes = b""
    result: str = ""
    detail: str = ""


class Partial(Body, frozen=True):
    """From here on something passed unstored; no gateway of ours writes it. `direction`: output or input."""

    direction: str
    reason: str

    def __post_init__(self) -> None:
        if self.direction not in {"output", "input"}:
            raise Invalid("reading a recording: what is partial is output or input")


class StreamClosed(Body, frozen=True):
    """A stream ended; bytes that passed, stored or not."""

    output_bytes: int = 0
    error_output_bytes: int = 0
    input_bytes: int = 0


class End(Body, frozen=True):
    """The session ended; the last frame. `frames` counts those before this one, `content_bytes` their raw payloads."""

    reason: str
    frames: int
    content_bytes: int


BODIES: Final[dict[FrameType, type[Body]]] = {
    FrameType.HEADER: Header,
    FrameType.STREAM_OPENED: StreamOpened,
    FrameType.RESIZED: Resized,
    FrameType.SIGNALLED: Signalled,
    FrameType.EXITED: Exited,
    FrameType.NOTE: Note,
    FrameType.PARTIAL: Partial,
    FrameType.STREAM_CLOSED: StreamClosed,
    FrameType.END: End,
}
TYPES: Final[dict[type[Body], FrameType]] = {body: frame_type for frame_type, body in BODIES.items()}


@dataclass(frozen=True, slots=True)
class Frame:
    """One entry: `content` is bytes for OUTPUT, ERROR_OUTPUT and INPUT, and the body of that type otherwise.

    `elapsed_micros` counts from the start of the session and never goes back.
    """

    type: FrameType
    stream: int
    elapsed_micros: int
    content: bytes | Body

    @property
    def data(self) -> bytes:
        """The raw bytes of a content frame; empty for the others."""
        return self.content if isinstance(self.content, bytes) else b""
