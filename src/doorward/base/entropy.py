"""The only place that draws random bytes.

Things that mint ids, keys, salts or codes take an `Entropy` in the constructor, so that a simulation can be replayed.
"""

import os
import random
from typing import Protocol


class Entropy(Protocol):
    """A source of random bytes."""

    def token(self, length_bytes: int) -> bytes:
        """Exactly `length_bytes` bytes, unpredictable outside tests."""
        ...


class SystemEntropy:
    """The operating system's generator."""

    def token(self, length_bytes: int) -> bytes:
        return os.urandom(length_bytes)


class SeededEntropy:
    """Repeatable bytes for tests; never for anything real."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)  # noqa: S311  (tests and simulations only)

    def token(self, length_bytes: int) -> bytes:
        return self._random.randbytes(length_bytes)
