"""The spool directory: the few file operations that recordings need, behind a port that tests can make fail.

Names are checked by the caller. Files are 0600 in a directory of 0700, created exclusively and only appended to.
"""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from doorward.base.errors import Missing

FILE_MODE: Final = 0o600
DIRECTORY_MODE: Final = 0o700
TEMPORARY_SUFFIX: Final = ".new"

Buffer = bytes | bytearray | memoryview


class SpoolFile(Protocol):
    """One recording, open for appending. Every method may raise `OSError`; `sync` is called from another thread."""

    def writev(self, parts: Sequence[Buffer]) -> int:
        """Append the parts in order; how many bytes were taken, perhaps fewer than given."""
        ...

    def sync(self) -> None:
        """Return when all that was appended survives a loss of power."""
        ...

    def truncate(self, size_bytes: int) -> None: ...
    def close(self) -> None: ...


class SpoolFiles(Protocol):
    """A directory of recordings. Every method may raise `OSError`."""

    def create(self, name: str) -> SpoolFile:
        """A new file; `FileExistsError` when there is one."""
        ...

    def reopen(self, name: str) -> SpoolFile: ...
    def read(self, name: str, offset: int, length: int) -> bytes:
        """Up to `length` bytes, fewer only at the end; `Missing` when there is no such file."""
        ...

    def size(self, name: str) -> int | None:
        """None when there is no such file."""
        ...

    def names(self) -> list[str]: ...
    def put(self, name: str, data: bytes) -> None:
        """The whole file at once, durably, or nothing."""
        ...

    def remove(self, name: str) -> None: ...
    def free_bytes(self) -> int: ...


class DiskFile:
    """A file of the machine."""

    __slots__ = ("_descriptor", "_directory")

    def __init__(self, descriptor: int, directory: Path | None) -> None:
        self._descriptor = descriptor
        self._directory = directory  # until the new name itself is known to be durable

    def writev(self, parts: Sequence[Buffer]) -> int:
        return os.writev(self._descriptor, parts)

    def sync(self) -> None:
        os.fdatasync(self._descriptor)
        if self._directory is not None:
            _sync_directory(self._directory)
            self._directory = None

    def truncate(self, size_bytes: int) -> None:
        os.ftruncate(self._descriptor, size_bytes)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class DiskFiles:
    """A directory of the machine."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        directory.chmod(DIRECTORY_MODE)

    def create(self, name: str) -> DiskFile:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        return DiskFile(os.open(self._directory / name, flags, FILE_MODE), self._directory)

    def reopen(self, name: str) -> DiskFile:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        return DiskFile(os.open(self._directory / name, flags), self._directory)

    def read(self, name: str, offset: int, length: int) -> bytes:
        try:
            descriptor = os.open(self._directory / name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError as error:
            raise Missing("reading the spool: there is no such recording") from error
        try:
            return os.pread(descriptor, length, offset)
        finally:
            os.close(descriptor)

    def size(self, name: str) -> int | None:
        try:
            return (self._directory / name).lstat().st_size
        except FileNotFoundError:
            return None

    def names(self) -> list[str]:
        return sorted(path.name for path in self._directory.iterdir())

    def put(self, name: str, data: bytes) -> None:
        temporary = self._directory / (name + TEMPORARY_SUFFIX)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        with os.fdopen(os.open(temporary, flags, FILE_MODE), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(self._directory / name)
        _sync_directory(self._directory)

    def remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            (self._directory / name).unlink()

    def free_bytes(self) -> int:
        stats = os.statvfs(self._directory)
        return stats.f_bavail * stats.f_frsize


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
