"""The body of a checkpoint: what the signer signs about the log (C2SP tlog-checkpoint).

Three lines, each ended by a line feed: the origin (which log), the tree's size in decimal, the root in base64. Signing
makes a signed note of it; that is the signer's work.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Final

from doorward.base.errors import Invalid
from doorward.domain.audit.merkle import HASH_BYTES, SIZE_MAX

ORIGIN_CHARACTERS_MAX: Final = 255
BODY_BYTES_MAX: Final = 512
_ORIGIN: Final = re.compile(r"[!-*,-~]+", re.ASCII)  # no spaces, and no plus sign, which signed notes give a meaning
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)


class BadCheckpoint(Invalid):
    """The checkpoint can not be read."""

    code = "bad_checkpoint"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's name, size and root."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if len(self.origin) > ORIGIN_CHARACTERS_MAX or _ORIGIN.fullmatch(self.origin) is None:
            raise BadCheckpoint("making a checkpoint: the origin is printable ASCII without spaces or plus signs")
        if not 0 <= self.size <= SIZE_MAX or len(self.root) != HASH_BYTES:
            raise BadCheckpoint("making a checkpoint: the size or the root is out of range")

    def to_bytes(self) -> bytes:
        """The body, as it is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode('ascii')}\n".encode("ascii")


def parse_checkpoint(body: bytes) -> Checkpoint:
    """The inverse of `Checkpoint.to_bytes`; `BadCheckpoint` for anything else, extension lines included."""
    try:
        lines = body[: BODY_BYTES_MAX + 1].decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise BadCheckpoint("reading a checkpoint: it is not ASCII") from error
    if len(body) > BODY_BYTES_MAX or len(lines) != 4 or lines[3] or _SIZE.fullmatch(lines[1]) is None:
        raise BadCheckpoint("reading a checkpoint: an origin, a size and a root are expected, one a line")
    try:
        root = base64.b64decode(lines[2], validate=True)
    except binascii.Error as error:
        raise BadCheckpoint("reading a checkpoint: the root is not base64") from error
    checkpoint = Checkpoint(lines[0], int(lines[1]), root)
    if checkpoint.to_bytes() != body:
        raise BadCheckpoint("reading a checkpoint: the root is not written in the usual way")
    return checkpoint
