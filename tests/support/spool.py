"""A spool in memory whose disk can be full, slow or broken."""

import errno
import threading
from collections.abc import Sequence

from doorward.base.errors import Missing
from doorward.gateway.recorder.failures import RecorderFailed
from doorward.gateway.recorder.files import Buffer


def unexpected(failure: RecorderFailed) -> None:
    """The callback of a recorder that must not fail."""
    raise AssertionError("the recorder failed") from failure


class Disk:
    """What a test does to the disk. `room_bytes`: how much may still be written; `write_bytes_max`: of one write."""

    def __init__(self) -> None:
        self.contents: dict[str, bytearray] = {}
        self.synced: dict[str, int] = {}
        self.room_bytes = 1 << 40
        self.free = 1 << 40
        self.write_bytes_max = 1 << 40
        self.write_error: int | None = None
        self.sync_error: int | None = None
        self.sync_gate = threading.Event()
        self.sync_gate.set()
        self.closed: list[str] = []


class MemoryFile:
    """One file of a `Disk`."""

    def __init__(self, disk: Disk, name: str) -> None:
        self._disk = disk
        self._name = name
        self._closed = False

    def writev(self, parts: Sequence[Buffer]) -> int:
        assert not self._closed
        if self._disk.write_error is not None:
            raise OSError(self._disk.write_error, "injected")
        data = b"".join(parts)[: self._disk.write_bytes_max]
        if self._disk.room_bytes <= 0:
            raise OSError(errno.ENOSPC, "injected")
        data = data[: self._disk.room_bytes]
        self._disk.room_bytes -= len(data)
        self._disk.contents[self._name] += data
        return len(data)

    def sync(self) -> None:
        assert not self._closed
        size = len(self._disk.contents[self._name])
        self._disk.sync_gate.wait(timeout=10)
        if self._disk.sync_error is not None:
            raise OSError(self._disk.sync_error, "injected")
        self._disk.synced[self._name] = size

    def truncate(self, size_bytes: int) -> None:
        del self._disk.contents[self._name][size_bytes:]

    def close(self) -> None:
        self._closed = True
        self._disk.closed.append(self._name)


class MemoryFiles:
    """The port `SpoolFiles` over a `Disk`."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def create(self, name: str) -> MemoryFile:
        if name in self._disk.contents:
            raise FileExistsError(errno.EEXIST, "injected")
        self._disk.contents[name] = bytearray()
        return MemoryFile(self._disk, name)

    def reopen(self, name: str) -> MemoryFile:
        return MemoryFile(self._disk, name)

    def read(self, name: str, offset: int, length: int) -> bytes:
        if name not in self._disk.contents:
            raise Missing("reading the spool: there is no such recording")
        return bytes(self._disk.contents[name][offset : offset + length])

    def size(self, name: str) -> int | None:
        content = self._disk.contents.get(name)
        return None if content is None else len(content)

    def names(self) -> list[str]:
        return sorted(self._disk.contents)

    def put(self, name: str, data: bytes) -> None:
        if self._disk.room_bytes <= 0:
            raise OSError(errno.ENOSPC, "injected")
        self._disk.contents[name] = bytearray(data)

    def remove(self, name: str) -> None:
        self._disk.contents.pop(name, None)

    def free_bytes(self) -> int:
        return self._disk.free
