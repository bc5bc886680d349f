"""Who may still fill the spool: per session, per person, per resource, and a part of the disk that nobody may.

When the disk runs short, long recordings stop first and short ones go on, so that whoever filled it is cut and not
whoever types next. Ends and notes draw on what is kept back.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from doorward.gateway.recorder.failures import QuotaReached

MIB: Final = 1024 * 1024
# How far the spool may grow between two looks at the disk.
LOOK_EVERY_BYTES: Final = 4 * MIB
# A recording that is shorter did not fill the disk.
SHORT_RECORDING_BYTES: Final = 16 * MIB


@dataclass(frozen=True, slots=True)
class RecorderLimits:
    """Named limits of a gateway's recordings.

    Quotas count bytes in the spool, which shipping empties. `reserve_bytes`: with less free, no session opens and long
    recordings stop; with less than half of it, all do. `end_bytes` of each quota are kept for notes and the end.
    `unsynced_bytes_max`: beyond it a pump waits for the disk. `stall_seconds`: a disk that does not answer for so long
    has failed.
    """

    session_bytes_max: int = 4 * 1024 * MIB
    person_bytes_max: int = 16 * 1024 * MIB
    resource_bytes_max: int = 16 * 1024 * MIB
    reserve_bytes: int = 512 * MIB
    end_bytes: int = 64 * 1024
    unsynced_bytes_max: int = 64 * MIB
    stall_seconds: float = 10.0


class Account:
    """What one recording has taken, and from whom."""

    __slots__ = ("owners", "size_bytes")

    def __init__(self, owners: tuple[tuple[str, int], ...]) -> None:
        self.owners = owners  # (owner, limit in bytes)
        self.size_bytes = 0


class Budget:
    """The accounts of all recordings in one spool."""

    def __init__(self, limits: RecorderLimits, free_bytes: Callable[[], int]) -> None:
        self.limits = limits
        self._free_bytes = free_bytes
        self._used: Counter[str] = Counter()
        self._free = 0
        self._unseen_bytes = LOOK_EVERY_BYTES

    def open(self, *, user_id: str, node_id: str) -> Account:
        """The account of a new recording; `QuotaReached` when the disk or its owners have no room."""
        account = Account(
            (
                (f"user {user_id}", self.limits.person_bytes_max),
                (f"node {node_id}", self.limits.resource_bytes_max),
            )
        )
        self.look()
        if self._free < self.limits.reserve_bytes:
            raise QuotaReached("recording a session: the disk for recordings is nearly full")
        self._check_owners(account, 0)
        return account

    def take(self, account: Account, size_bytes: int) -> None:
        """Room for content; `QuotaReached`, and nothing taken, when there is none."""
        limits = self.limits
        if account.size_bytes + size_bytes > limits.session_bytes_max - limits.end_bytes:
            raise QuotaReached("recording a session: its recording has reached the limit")
        self._check_owners(account, size_bytes)
        if self._unseen_bytes >= LOOK_EVERY_BYTES:
            self.look()
        is_short = account.size_bytes + size_bytes <= SHORT_RECORDING_BYTES
        floor = limits.reserve_bytes // 2 if is_short else limits.reserve_bytes
        if self._free - self._unseen_bytes - size_bytes < floor:
            raise QuotaReached("recording a session: the disk for recordings is nearly full")
        self._count(account, size_bytes)

    def take_reserved(self, account: Account, size_bytes: int) -> None:
        """Room for a note or an end, from what is kept back; `QuotaReached` when even that is used up."""
        if account.size_bytes + size_bytes > self.limits.session_bytes_max:
            raise QuotaReached("recording a session: its recording has reached the limit")
        self._count(account, size_bytes)

    def release(self, account: Account) -> None:
        """The recording left the spool."""
        for owner, _ in account.owners:
            self._used[owner] -= account.size_bytes
            if self._used[owner] <= 0:
                del self._used[owner]
        account.size_bytes = 0

    def look(self) -> None:
        """See how much of the disk is free now."""
        try:
            self._free = self._free_bytes()
        except OSError:  # what can not be seen counts as full
            self._free = 0
        self._unseen_bytes = 0

    def used_by(self, owner: str) -> int:
        """Bytes in the spool of `user ID` or `node ID`."""
        return self._used[owner]

    def _check_owners(self, account: Account, size_bytes: int) -> None:
        used = self._used
        for owner, limit in account.owners:
            if used[owner] + size_bytes > limit - self.limits.end_bytes:
                raise QuotaReached("recording a session: too much waits to be stored for this person or resource")

    def _count(self, account: Account, size_bytes: int) -> None:
        account.size_bytes += size_bytes
        self._unseen_bytes += size_bytes
        for owner, _ in account.owners:
            self._used[owner] += size_bytes
