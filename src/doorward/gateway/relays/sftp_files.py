"""What passes of one open file or directory: how much, from where, and its SHA-256 while it comes in order.

Content in order is hashed as it passes. What comes out of order has no digest of a whole: below `strict` the file is
then called sparse; under `strict` those pieces are stored themselves, and the digest covers the rest.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Final

from doorward.domain.recording.frames import Note
from doorward.wire.sftp.codes import OpenFlag

DIGEST_EVERY_BYTES: Final = 16 * 1024 * 1024
"""How often a digest so far is recorded: a gateway that dies leaves no more than this of a file without one."""


NOTE_BYTES: Final = 1024
"""A note's frame without its paths: names, numbers, a digest, a result and what it covers in words."""


def note_bytes(path_bytes: int, new_path_bytes: int = 0) -> int:
    """What a note's frame takes at most: JSON holds paths in base64."""
    return NOTE_BYTES + 2 * (path_bytes + new_path_bytes)


class Passage:
    """One direction of one open file."""

    __slots__ = ("_digest", "_hashed_bytes", "_next", "_noted_bytes", "_start", "is_sparse", "size_bytes")

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._hashed_bytes = 0
        self._start = 0
        self._next: int | None = None
        self._noted_bytes = 0
        self.size_bytes = 0
        self.is_sparse = False

    def add(self, offset: int | None, data: bytes) -> bool:
        """Content passes at `offset` (None: at the end, wherever that is). False when it did not come in order."""
        self.size_bytes += len(data)
        if self._next is None:
            self._next = self._start = offset or 0
        if offset is not None and offset != self._next:
            self.is_sparse = True
            return False
        self._digest.update(data)
        self._next += len(data)
        self._hashed_bytes += len(data)
        return True

    def is_note_due(self, *, keeps_all: bool) -> bool:
        """Whether so much has passed that a digest so far is to be recorded; asking counts as having done so."""
        if (self.is_sparse and not keeps_all) or self.size_bytes - self._noted_bytes < DIGEST_EVERY_BYTES:
            return False
        self._noted_bytes = self.size_bytes
        return True

    def digest(self, *, keeps_all: bool) -> bytes:
        """SHA-256 of what passed in order; empty when pieces are missing in it and were not stored instead."""
        return b"" if self.is_sparse and not keeps_all else self._digest.copy().digest()

    def detail(self, *, keeps_all: bool) -> str:
        """In words what the digest covers."""
        words = [f"from byte {self._start}"] if self._start else []
        if self.is_sparse:
            stored = f"sparse: the digest is of {self._hashed_bytes} bytes in order, the rest is stored"
            words.append(stored if keeps_all else "sparse")
        return ", ".join(words)


@dataclass(slots=True)
class OpenFile:
    """A handle's file or directory. `failure` is the first answer that said no to reading or writing it."""

    path: bytes
    flags: int = 0
    is_directory: bool = False
    reads: Passage = field(default_factory=Passage)
    writes: Passage = field(default_factory=Passage)
    failure: str = ""

    @property
    def appends(self) -> bool:
        """Whether the server writes at the end, whatever offset is asked for."""
        return bool(self.flags & OpenFlag.APPEND)

    @property
    def owed_bytes(self) -> int:
        """What is to be told of it takes so much at most: a note for what was read, one for what was written."""
        return 2 * note_bytes(len(self.path))

    def passages(self) -> tuple[tuple[str, Passage], ...]:
        """What is to be told of it when it is closed: an operation and its content."""
        if self.is_directory:
            return (("list", self.reads),)
        found = [(name, each) for name, each in (("read", self.reads), ("write", self.writes)) if each.size_bytes]
        if not found:
            # Opened and closed: a file opened for writing may have been made or emptied by that alone.
            found = [("write", self.writes)] if self.flags & OpenFlag.WRITE else [("read", self.reads)]
        return tuple(found)

    def note(self, name: str, passage: Passage, result: str, *, keeps_all: bool) -> Note:
        """The recording's note of one direction, so far."""
        return Note(
            event=f"sftp.{name}",
            path=self.path,
            size=passage.size_bytes,
            sha256=passage.digest(keeps_all=keeps_all),
            result=result,
            detail=passage.detail(keeps_all=keeps_all),
        )
