"""Recordings in a directory of the authority: append by offset, seal once, read.

An open recording is `<id>.part`; sealing verifies its digest, makes it durable and renames it to `<id>.dwr`, after
which nothing changes it. Two authorities may share the directory: a lock on the file orders their appends. Nothing
blocks the event loop; nothing is promised to survive a loss of power before its seal is acknowledged.
"""

import asyncio
import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from doorward.base.errors import Conflict, Invalid, Missing, Unavailable
from doorward.base.ids import checked_id
from doorward.domain.recording.digest import TreeDigest

MIB: Final = 1024 * 1024
FILE_MODE: Final = 0o600
SEALED_MODE: Final = 0o400
DIRECTORY_MODE: Final = 0o700
APPEND_BYTES_MAX: Final = 4 * MIB
READ_BYTES_MAX: Final = 4 * MIB
_HASH_BYTES: Final = MIB
_OPEN_SUFFIX: Final = ".part"
_SEALED_SUFFIX: Final = ".dwr"


@dataclass(frozen=True, slots=True)
class DirectoryLimits:
    """`reserve_bytes` of the disk stay free for what matters more than recordings, the database before all."""

    recording_bytes_max: int = 16 * 1024 * MIB
    total_bytes_max: int = 1024 * 1024 * MIB
    reserve_bytes: int = 512 * MIB


class StoreFull(Unavailable):
    """A limit of the store, or of its disk, is reached."""

    code = "recording_store_full"


class RecordingTooLarge(Invalid):
    """One recording, or one call, is beyond its limit."""

    code = "recording_too_large"


class RecordingMismatch(Conflict):
    """The bytes are not those that the manifest speaks of, or the recording is sealed already."""

    code = "recording_mismatch"


class DirectoryRecordings:
    """The port `RecordingStore` over a directory that is ours alone (0700)."""

    def __init__(self, directory: Path, limits: DirectoryLimits | None = None) -> None:
        self._directory = directory
        self._limits = limits or DirectoryLimits()
        directory.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        directory.chmod(DIRECTORY_MODE)
        self._counting = threading.Lock()
        self._total_bytes = sum(path.stat().st_size for path in directory.glob("*/*"))

    async def append(self, session_id: str, offset: int, data: bytes) -> int:
        """Store at `offset` what is not there yet; the size now. `Conflict` beyond the end, `StoreFull`, `Invalid`."""
        paths = self._paths(session_id)
        if offset < 0 or len(data) > APPEND_BYTES_MAX:
            raise RecordingTooLarge("storing a recording: a piece is out of range")
        if offset + len(data) > self._limits.recording_bytes_max:
            raise RecordingTooLarge("storing a recording: it is larger than any may be")
        return await asyncio.to_thread(self._append, paths, offset, data)

    async def seal(self, session_id: str, size_bytes: int, digest: bytes) -> None:
        """Verify size and tree digest, then let nothing change any more; safe to repeat with the same. `Conflict`."""
        await asyncio.to_thread(self._seal, self._paths(session_id), size_bytes, digest)

    async def read(self, session_id: str, offset: int, length: int) -> bytes:
        """Up to `length` bytes, fewer only at the end; `Missing` when there is no such recording."""
        paths = self._paths(session_id)
        if offset < 0 or not 0 <= length <= READ_BYTES_MAX:
            raise RecordingTooLarge("reading a recording: a piece is out of range")
        return await asyncio.to_thread(self._read, paths, offset, length)

    async def size(self, session_id: str) -> int:
        """Bytes held, sealed or not; zero when there is no such recording."""
        return await asyncio.to_thread(self._size, self._paths(session_id)) or 0

    async def exists(self, session_id: str) -> bool:
        """Whether anything is held of this session."""
        return await asyncio.to_thread(self._size, self._paths(session_id)) is not None

    async def delete(self, session_id: str) -> None:
        """Remove it, sealed or not, when its retention has passed; safe to repeat."""
        await asyncio.to_thread(self._delete, self._paths(session_id))

    def _paths(self, session_id: str) -> tuple[Path, Path]:
        checked_id(session_id)  # so that a name can not lead elsewhere
        folder = self._directory / session_id[:2]
        return folder / (session_id + _OPEN_SUFFIX), folder / (session_id + _SEALED_SUFFIX)

    def _append(self, paths: tuple[Path, Path], offset: int, data: bytes) -> int:
        part, sealed = paths
        with _unavailable("storing a recording: the disk does not take it"):
            part.parent.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
            with _locked(part, create=not sealed.exists()) as opened:
                descriptor = opened
                if descriptor is not None and sealed.exists():  # sealed while we opened: ours is a new, empty file
                    part.unlink()
                    descriptor = None
                if descriptor is None:
                    return _within(sealed.stat().st_size, offset, data)
                size = os.fstat(descriptor).st_size
                if offset > size:
                    raise RecordingMismatch("storing a recording: bytes before these are missing")
                rest = data[size - offset :]
                self._check_room(len(rest))
                written = 0
                while written < len(rest):
                    written += os.pwrite(descriptor, rest[written:], size + written)
                self._count(len(rest))
                return size + len(rest)

    def _count(self, size_bytes: int) -> None:
        with self._counting:
            self._total_bytes += size_bytes

    def _check_room(self, wanted_bytes: int) -> None:
        if not wanted_bytes:
            return
        if self._total_bytes + wanted_bytes > self._limits.total_bytes_max:
            raise StoreFull("storing a recording: the store is full")
        stats = os.statvfs(self._directory)
        if stats.f_bavail * stats.f_frsize - wanted_bytes < self._limits.reserve_bytes:
            raise StoreFull("storing a recording: the disk is nearly full")

    def _seal(self, paths: tuple[Path, Path], size_bytes: int, digest: bytes) -> None:
        part, sealed = paths
        with _unavailable("sealing a recording: the disk does not answer"), _locked(part, create=False) as descriptor:
            if descriptor is None:
                if not sealed.exists():
                    raise Missing("sealing a recording: nothing of it is held")
                _verify(sealed, size_bytes, digest)
                return
            _verify(part, size_bytes, digest)
            os.fsync(descriptor)
            os.fchmod(descriptor, SEALED_MODE)
            part.rename(sealed)
            _sync_directory(sealed.parent)
            _sync_directory(self._directory)

    def _read(self, paths: tuple[Path, Path], offset: int, length: int) -> bytes:
        for path in paths[::-1] + paths[1:]:  # sealed, open, and sealed again in case it was sealed in between
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            except FileNotFoundError:
                continue
            try:
                with _unavailable("reading a recording: the disk does not give it"):
                    return os.pread(descriptor, length, offset)
            finally:
                os.close(descriptor)
        raise Missing("reading a recording: there is none")

    def _size(self, paths: tuple[Path, Path]) -> int | None:
        for path in paths[::-1] + paths[1:]:
            with contextlib.suppress(FileNotFoundError):
                return path.lstat().st_size
        return None

    def _delete(self, paths: tuple[Path, Path]) -> None:
        for path in paths:
            with contextlib.suppress(FileNotFoundError):
                size = path.lstat().st_size
                path.unlink()
                self._count(-size)


@contextlib.contextmanager
def _locked(path: Path, *, create: bool) -> Iterator[int | None]:
    """The open recording, locked, or None when there is none (any more)."""
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_CREAT if create else 0)
    try:
        descriptor = os.open(path, flags, FILE_MODE)
    except FileNotFoundError:
        yield None
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # While we waited, who held the lock may have sealed or deleted it: then this is no longer the file.
        yield descriptor if _is_still(path, descriptor) else None
    finally:
        os.close(descriptor)


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _within(size: int, offset: int, data: bytes) -> int:
    if offset + len(data) > size:
        raise RecordingMismatch("storing a recording: it is sealed")
    return size


def _verify(path: Path, size_bytes: int, digest: bytes) -> None:
    tree = TreeDigest()
    with path.open("rb", buffering=0) as file:
        while data := file.read(_HASH_BYTES):
            tree.update(data)
    if tree.size_bytes != size_bytes or tree.digest() != digest:
        raise RecordingMismatch("sealing a recording: the bytes are not those of its manifest")


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _unavailable(doing: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(doing) from error
