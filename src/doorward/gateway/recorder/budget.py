"""Who may still fill the spool: per session, per person, per resource, and a part of the disk that nobody may.

When a person's or a resource's quota or the disk is reached, the longest recording of the person who holds most of it
ends, and not the one that happens to write next: many short recordings of one person weigh what a long one does. What
an ended recording still holds then no longer counts against the others; only the person whom it belongs to stays below
a ceiling. Everything that users cause counts, events as well as content. Each
stream pays for its closing frames when it opens, so that an end finds room whatever the quotas say.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from doorward.gateway.recorder.failures import QuotaReached, RecorderFailed

MIB: Final = 1024 * 1024
# How far the spool may grow between two looks at the disk.
LOOK_EVERY_BYTES: Final = 4 * MIB
# What a stream, and the session itself, pay ahead for their closing frames: exit and closing are below 512 bytes each.
CLOSING_BYTES: Final = 1024
CLOSING_FRAME_BYTES_MAX: Final = CLOSING_BYTES // 2
# How far a person's last short recordings may go beyond the quota while the long one that ended is shipped.
CEILING_PARTS: Final = 8

_LIMIT: Final = "recording a session: its recording has reached the limit"
_OWNER: Final = "recording a session: too much waits to be stored for this person or resource"
_DISK: Final = "recording a session: the disk for recordings is nearly full"

EndSession = Callable[[RecorderFailed], None]


@dataclass(frozen=True, slots=True)
class RecorderLimits:
    """Named limits of a gateway's recordings.

    Quotas count bytes in the spool, which shipping empties. `reserve_bytes`: with less free, no session opens and
    recordings stop, those of whoever holds most first; with less than half of it, all do. `short_bytes`: who holds no
    more than this did not fill a disk or a resource's quota. `unsynced_bytes_max`: beyond it a pump waits for the disk.
    `stall_seconds`: a disk that does not answer for so long has failed.
    """

    session_bytes_max: int = 4 * 1024 * MIB
    person_bytes_max: int = 16 * 1024 * MIB
    resource_bytes_max: int = 32 * 1024 * MIB
    reserve_bytes: int = 512 * MIB
    short_bytes: int = 16 * MIB
    unsynced_bytes_max: int = 64 * MIB
    stall_seconds: float = 10.0


class _Owner:
    """A person or a resource; `ending_bytes` of what is used belongs to recordings that ended for a quota.

    `held`: what each person holds here apart from those; a person's own table has one line.
    """

    __slots__ = ("ceiling_bytes", "ending_bytes", "held", "limit_bytes", "live", "name", "used_bytes")

    def __init__(self, name: str, limit_bytes: int, ceiling_bytes: int | None) -> None:
        self.name = name
        self.limit_bytes = limit_bytes
        self.ceiling_bytes = ceiling_bytes  # a person's; a resource's short recordings stop at the disk's reserve
        self.used_bytes = self.ending_bytes = 0
        self.held: dict[_Owner, int] = {}
        self.live: set[Account] = set()


class Account:
    """What one recording has taken, and from whom; `promised_bytes` are for its closing frames."""

    __slots__ = ("end", "is_ended", "owners", "promised_bytes", "size_bytes")

    def __init__(self, person: _Owner, resource: _Owner, end: EndSession) -> None:
        self.owners = (person, resource)
        self.end = end
        self.is_ended = False
        self.size_bytes = self.promised_bytes = 0

    @property
    def total_bytes(self) -> int:
        """What counts against its owners."""
        return self.size_bytes + self.promised_bytes


class Budget:
    """The accounts of all recordings in one spool."""

    def __init__(self, limits: RecorderLimits, free_bytes: Callable[[], int]) -> None:
        self.limits = limits
        self._free_bytes = free_bytes
        self._owners: dict[str, _Owner] = {}
        self._free = 0
        self._unseen_bytes = LOOK_EVERY_BYTES
        self._promised_bytes = self._ending_bytes = 0

    def open(self, *, user_id: str, node_id: str, end: EndSession) -> Account:
        """The account of a new recording; `QuotaReached` when the disk or the person has no room.

        A person of whom a recording was ended for a quota begins anew when that one was shipped.
        `end` is called, once at most, when the recording must stop because it holds most of what has run out.
        """
        account = self._account(user_id, node_id, end)
        person, _ = account.owners
        self.look()
        if self._free < self.limits.reserve_bytes:
            raise QuotaReached(_DISK)
        if person.ending_bytes > 0 or person.used_bytes + CLOSING_BYTES > person.limit_bytes:
            raise QuotaReached(_OWNER)
        for owner in account.owners:
            self._owners[owner.name] = owner
            owner.live.add(account)
        self._change(account, 0, CLOSING_BYTES)
        return account

    def restore(self, *, user_id: str, node_id: str, size_bytes: int) -> Account:
        """The account of a recording that an earlier run left in the spool."""
        account = self._account(user_id, node_id, _nobody)
        for owner in account.owners:
            self._owners[owner.name] = owner
        self._change(account, size_bytes, 0)
        return account

    def take(self, account: Account, size_bytes: int, promised_bytes: int = 0) -> None:
        """Room for content or an event; `QuotaReached`, and nothing taken, when there is none.

        Another recording is ended first when that one holds most of what has run out.
        """
        if account.is_ended:
            raise QuotaReached(_OWNER)
        wanted = size_bytes + promised_bytes
        if account.total_bytes + wanted > self.limits.session_bytes_max:
            raise QuotaReached(_LIMIT)
        for owner in account.owners:
            if owner.used_bytes - owner.ending_bytes + wanted > owner.limit_bytes or _is_above(owner, wanted):
                self._press(owner, account, wanted)
        if self._unseen_bytes >= LOOK_EVERY_BYTES:
            self.look()
        self._check_disk(account, wanted)
        self._unseen_bytes += size_bytes
        self._change(account, size_bytes, promised_bytes)

    def take_promised(self, account: Account, size_bytes: int, *, is_note: bool = False) -> None:
        """Room for a closing frame: from what was paid ahead, else as for any other event.

        What a note may take was said when its room was kept; an exit or a closing is held to its own share here.
        """
        if (size_bytes > CLOSING_FRAME_BYTES_MAX and not is_note) or size_bytes > account.promised_bytes:
            self.take(account, size_bytes)
            return
        self._unseen_bytes += size_bytes
        self._change(account, size_bytes, -size_bytes)

    def promise(self, account: Account, open_streams: int, notes_bytes: int = 0) -> None:
        """Give back what closing frames, and notes beyond those still due, did not need."""
        spare = account.promised_bytes - CLOSING_BYTES * (open_streams + 1) - notes_bytes
        self._change(account, 0, -max(0, spare))

    def settle(self, account: Account, size_bytes: int | None) -> None:
        """The recording grows no more; `size_bytes` is what it has on the disk, None when that is not known."""
        for owner in account.owners:
            owner.live.discard(account)
        grown = 0 if size_bytes is None else size_bytes - account.size_bytes
        self._change(account, grown, -account.promised_bytes)

    def release(self, account: Account) -> None:
        """The recording left the spool."""
        self.settle(account, 0)
        for owner in account.owners:
            if owner.used_bytes <= 0 and not owner.live:
                self._owners.pop(owner.name, None)

    def look(self) -> None:
        """See how much of the disk is free now."""
        try:
            self._free = self._free_bytes()
        except OSError:  # what can not be seen counts as full
            self._free = 0
        self._unseen_bytes = 0

    def used_by(self, owner: str) -> int:
        """Bytes in the spool of `user ID` or `node ID`."""
        found = self._owners.get(owner)
        return 0 if found is None else found.used_bytes

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left of any recording."""
        return not (self._owners or self._promised_bytes or self._ending_bytes)

    def _account(self, user_id: str, node_id: str, end: EndSession) -> Account:
        limits = self.limits
        ceiling = limits.person_bytes_max + limits.person_bytes_max // CEILING_PARTS
        return Account(
            self._owner(f"user {user_id}", limits.person_bytes_max, ceiling),
            self._owner(f"node {node_id}", limits.resource_bytes_max, None),
            end,
        )

    def _owner(self, name: str, limit_bytes: int, ceiling_bytes: int | None) -> _Owner:
        return self._owners.get(name) or _Owner(name, limit_bytes, ceiling_bytes)

    def _press(self, owner: _Owner, account: Account, wanted: int) -> None:
        """The quota of `owner` is reached: end the longest of whoever holds most of it, perhaps of who asks."""
        if owner.ceiling_bytes is not None:
            self._end_longest(owner.live, account, wanted, _OWNER)
        else:
            self._end_of_heaviest(owner.held, owner.live, account, wanted, _OWNER)
        if _is_above(owner, wanted):
            self._stop(account, _OWNER)

    def _check_disk(self, account: Account, wanted: int) -> None:
        reserve = self.limits.reserve_bytes
        free = self._free - self._unseen_bytes - self._promised_bytes - wanted
        if free >= reserve:
            return
        if free < reserve // 2:
            self._stop(account, _DISK)
        person, _ = account.owners
        if person.held.get(person, 0) + wanted <= self.limits.short_bytes:
            return
        if free + self._ending_bytes < reserve or free < reserve - reserve // 4:
            persons = [one for one in self._owners.values() if one.ceiling_bytes is not None and one.live]
            held = {one: one.held.get(one, 0) for one in persons}
            live = [one for owner in persons for one in owner.live]
            self._end_of_heaviest(held, live, account, wanted, _DISK)

    def _end_of_heaviest(
        self, held: Mapping[_Owner, int], live: Iterable[Account], account: Account, wanted: int, why: str
    ) -> None:
        """End the longest of the person who holds most, of those who hold enough to count and have one that is live."""
        asking, _ = account.owners
        weights: dict[_Owner, int] = {asking: held.get(asking, 0) + wanted}
        endable: dict[_Owner, list[Account]] = {}
        for one in {*live, account}:
            if not one.is_ended:
                endable.setdefault(one.owners[0], []).append(one)
                weights.setdefault(one.owners[0], held.get(one.owners[0], 0))
        heaviest = max(endable, key=weights.__getitem__, default=None)
        if heaviest is not None and weights[heaviest] > self.limits.short_bytes:
            self._end_longest(endable[heaviest], account, wanted, why)

    def _end_longest(self, candidates: Iterable[Account], account: Account, wanted: int, why: str) -> None:
        def held(one: Account) -> int:
            return one.total_bytes + (wanted if one is account else 0)

        longest = max((one for one in candidates if not one.is_ended), key=held, default=None)
        if longest is account:
            self._stop(account, why)
        if longest is not None:
            self._mark_ended(longest)
            longest.end(QuotaReached(why))

    def _stop(self, account: Account, why: str) -> None:
        self._mark_ended(account)
        raise QuotaReached(why)

    def _mark_ended(self, account: Account) -> None:
        if not account.is_ended:
            account.is_ended = True
            self._ending_bytes += account.total_bytes
            for owner in account.owners:
                owner.ending_bytes += account.total_bytes
                _hold(owner, account.owners[0], -account.total_bytes)

    def _change(self, account: Account, size_bytes: int, promised_bytes: int) -> None:
        account.size_bytes += size_bytes
        account.promised_bytes += promised_bytes
        self._promised_bytes += promised_bytes
        grown = size_bytes + promised_bytes
        for owner in account.owners:
            owner.used_bytes += grown
        if account.is_ended:
            self._ending_bytes += grown
            for owner in account.owners:
                owner.ending_bytes += grown
        else:
            for owner in account.owners:
                _hold(owner, account.owners[0], grown)


def _hold(owner: _Owner, person: _Owner, grown: int) -> None:
    held = owner.held.get(person, 0) + grown
    if held:
        owner.held[person] = held
    else:
        owner.held.pop(person, None)


def _is_above(owner: _Owner, wanted: int) -> bool:
    return owner.ceiling_bytes is not None and owner.used_bytes + wanted > owner.ceiling_bytes


def _nobody(_error: RecorderFailed) -> None:
    """Nobody writes what an earlier run left."""
