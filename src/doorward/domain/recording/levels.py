"""How much of a session is stored, from nothing to everything.

The levels are ordered, so that the strictest of several demands is their `max`. A level is asked for by policy; what
was achieved is a fact about the session. Nothing is left out: what can not be stored at its level ends the session.
Under `strict` all that passes is stored, or that kind of stream is refused.
"""

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Final, Self

from doorward.base.errors import Invalid

DIGEST_FILE_BYTES_MAX: Final = 4 * 1024**3
"""How much may pass of one open file, each way, of which strict sessions keep no more than a digest."""


class RecordingLevel(IntEnum):
    """none < events < output < output+input < strict (security.md 8)."""

    NONE = 0
    EVENTS = 1
    OUTPUT = 2
    OUTPUT_INPUT = 3
    STRICT = 4

    @property
    def text(self) -> str:
        """As it is written in roles, plans and manifests."""
        return _TEXTS[self]

    @classmethod
    def parse(cls, text: str) -> Self:
        """The level that `text` names exactly; `Invalid` otherwise."""
        for level in cls:
            if level.text == text:
                return level
        raise Invalid("reading a recording level: none, events, output, output+input or strict is expected")


_TEXTS: Final = {
    RecordingLevel.NONE: "none",
    RecordingLevel.EVENTS: "events",
    RecordingLevel.OUTPUT: "output",
    RecordingLevel.OUTPUT_INPUT: "output+input",
    RecordingLevel.STRICT: "strict",
}


class StreamKind(Enum):
    """What a stream inside a session carries; the value stands in recordings and never changes."""

    SHELL = "shell"
    EXEC = "exec"
    SFTP = "sftp"
    LOCAL_FORWARD = "local_forward"
    REMOTE_FORWARD = "remote_forward"
    UNIX_FORWARD = "unix_forward"
    TUN = "tun"
    AGENT = "agent"
    X11 = "x11"


class Content(Enum):
    """What is done with the bytes of one direction of a stream."""

    UNSTORED = "unstored"
    DIGEST = "digest"
    STORED = "stored"


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a level stores of one kind of stream.

    `refused`: the stream may not be opened at all. `events`: opening, command, sizes, exit, operations and closing.
    `output` is what the resource sends, `input` what the user sends. DIGEST: a SHA-256 and a length per file. Below
    `strict` a file that is not read or written in order is called sparse and has no digest; under `strict` such pieces
    are stored themselves, and a file beyond `DIGEST_FILE_BYTES_MAX` is refused.
    """

    refused: bool
    events: bool
    output: Content
    input: Content


_REFUSED: Final = Coverage(refused=True, events=True, output=Content.UNSTORED, input=Content.UNSTORED)
_NOTHING: Final = Coverage(refused=False, events=False, output=Content.UNSTORED, input=Content.UNSTORED)
_EVENTS: Final = Coverage(refused=False, events=True, output=Content.UNSTORED, input=Content.UNSTORED)
_OUTPUT: Final = Coverage(refused=False, events=True, output=Content.STORED, input=Content.UNSTORED)
_BOTH: Final = Coverage(refused=False, events=True, output=Content.STORED, input=Content.STORED)
_DIGESTS: Final = Coverage(refused=False, events=True, output=Content.DIGEST, input=Content.DIGEST)

_TERMINAL: Final = {
    RecordingLevel.NONE: _NOTHING,
    RecordingLevel.EVENTS: _EVENTS,
    RecordingLevel.OUTPUT: _OUTPUT,
    RecordingLevel.OUTPUT_INPUT: _BOTH,
    RecordingLevel.STRICT: _BOTH,
}
_FILES: Final = {
    RecordingLevel.NONE: _NOTHING,
    RecordingLevel.EVENTS: _DIGESTS,
    RecordingLevel.OUTPUT: _DIGESTS,
    RecordingLevel.OUTPUT_INPUT: _DIGESTS,
    RecordingLevel.STRICT: _DIGESTS,
}
_OPAQUE: Final = {
    RecordingLevel.NONE: _NOTHING,
    RecordingLevel.EVENTS: _EVENTS,
    RecordingLevel.OUTPUT: _EVENTS,
    RecordingLevel.OUTPUT_INPUT: _EVENTS,
    RecordingLevel.STRICT: _REFUSED,
}
COVERAGE: Final = {
    StreamKind.SHELL: _TERMINAL,
    StreamKind.EXEC: _TERMINAL,
    StreamKind.SFTP: _FILES,
    StreamKind.LOCAL_FORWARD: _OPAQUE,
    StreamKind.REMOTE_FORWARD: _OPAQUE,
    StreamKind.UNIX_FORWARD: _OPAQUE,
    StreamKind.TUN: _OPAQUE,
    StreamKind.AGENT: _OPAQUE,
    StreamKind.X11: _OPAQUE,
}


def coverage(level: RecordingLevel, kind: StreamKind) -> Coverage:
    """What `level` stores of a stream of `kind`."""
    return COVERAGE[kind][level]
