"""Counts things by key and names the key that has most, in constant time whatever the number of keys.

Whoever makes room under a flood looks for the fullest at each arrival: going through all keys would be the attacker's
gain. Of several that have most, the one that has had so many for longest is named.
"""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Fullest(Generic[K]):
    """Counts by key; a key without a count is forgotten."""

    __slots__ = ("_counts", "_having", "_most")

    def __init__(self) -> None:
        self._counts: dict[K, int] = {}
        self._having: dict[int, OrderedDict[K, None]] = {}
        self._most = 0

    def count(self, key: K) -> int:
        """How many this key has."""
        return self._counts.get(key, 0)

    def add(self, key: K) -> None:
        """One more."""
        self._change(key, 1)

    def remove(self, key: K) -> None:
        """One less; it must have one."""
        self._change(key, -1)

    def fullest(self) -> K | None:
        """The key that has most; None when there is none."""
        return next(iter(self._having[self._most])) if self._most else None

    def _change(self, key: K, by: int) -> None:
        before = self._counts.pop(key, 0)
        after = before + by
        if before:
            peers = self._having[before]
            del peers[key]
            if not peers:
                del self._having[before]
        if after:
            self._counts[key] = after
            self._having.setdefault(after, OrderedDict())[key] = None
        # By one at a time: when the fullest loses one and was alone, it is the fullest still, with one less.
        if after > self._most or self._most not in self._having:
            self._most = after
