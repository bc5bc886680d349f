"""The digest of a recording: a SHA-256 tree over chunks of 1 MiB, hashed as RFC 6962 section 2.1 says.

A tree and not one hash over the file, because a viewer may then check the part that it fetched, several threads may
share a large file, and the manifest stays small. An empty recording has the hash of nothing.
"""

import hashlib
from typing import Final

CHUNK_BYTES: Final = 1024 * 1024
DIGEST_BYTES: Final = 32


class TreeDigest:
    """Takes bytes in any pieces; holds one chunk's hash and a handful of subtrees, never the bytes."""

    def __init__(self) -> None:
        self._subtrees: list[tuple[int, bytes]] = []  # (leaves, root), leaves strictly falling, powers of two
        self._chunk = hashlib.sha256(b"\x00")
        self._chunk_bytes = 0
        self.size_bytes = 0

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Add bytes at the end."""
        view = memoryview(data)
        self.size_bytes += len(view)
        while view:
            piece = view[: CHUNK_BYTES - self._chunk_bytes]
            self._chunk.update(piece)
            self._chunk_bytes += len(piece)
            view = view[len(piece) :]
            if self._chunk_bytes == CHUNK_BYTES:
                self._close_chunk()

    def digest(self) -> bytes:
        """The root over all bytes so far; more may follow."""
        subtrees = list(self._subtrees)
        if self._chunk_bytes:
            subtrees.append((1, self._chunk.digest()))
        if not subtrees:
            return hashlib.sha256(b"").digest()
        _, root = subtrees.pop()
        while subtrees:
            root = _parent(subtrees.pop()[1], root)
        return root

    def _close_chunk(self) -> None:
        leaves, root = 1, self._chunk.digest()
        while self._subtrees and self._subtrees[-1][0] == leaves:
            root = _parent(self._subtrees.pop()[1], root)
            leaves *= 2
        self._subtrees.append((leaves, root))
        self._chunk = hashlib.sha256(b"\x00")
        self._chunk_bytes = 0


def _parent(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
