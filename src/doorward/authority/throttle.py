"""Back-off for sign-in attempts per (account, source network), per network, and per account from everywhere.

An attempt counts as a failure from its beginning, and is given back when it turns out to be none: else as many could be
under way at once as anybody likes. Each network has a bucket of failures over all accounts, which leaks steadily.

Each account has a slow bucket besides, over all networks, for whoever guesses from a great many of them. A device on
which the account has signed in before has a bucket of its own: strangers fill the other one, and shut its owner out
nowhere but on a device that is new (ADR 0054).

Only what can be guessed is slowed: passwords by the name given, and the time-based code of an enrolment by its
invitation. Invitations and states are 128 random bits or more, so whoever shows a wrong one is noted, and nobody else
from there is shut out for it. Each way in has names of its own, which no user can be called.

Nothing is written per attempt: counts stay in memory, bounded, and become one summary event per source and minute
(security rule: nobody outside can fill the log). The wait doubles with each failure; a success clears its own key only.
"""

import ipaddress
from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from doorward.base.clock import Clock

KEYS_MAX: Final = 10_000
SOURCES_MAX: Final = 1_000
OTHERS: Final = "others"
NAMES_SAMPLED: Final = 5
NAME_CHARACTERS_MAX: Final = 64
FREE_FAILURES: Final = 5
FIRST_WAIT_SECONDS: Final = 1.0
WAIT_MAX_SECONDS: Final = 300.0
FORGET_SECONDS: Final = 3600.0
NETWORK_FAILURES_MAX: Final = 50
NETWORK_FORGIVES_EACH_SECONDS: Final = 60.0
ACCOUNT_FAILURES_MAX: Final = 100
ACCOUNT_FORGIVES_EACH_SECONDS: Final = 36.0
SUMMARY_EACH: Final = timedelta(minutes=1)


class Way(StrEnum):
    """By which way somebody tries to come in: each has accounts of its own."""

    PASSWORD = "password"  # noqa: S105  (a way in, not a secret)
    ENROLMENT = "enrolment"


_Key = tuple[Way, str, str]


@dataclass(slots=True)
class _Failures:
    count: int = 0
    until: float = 0.0
    last: float = 0.0


@dataclass(slots=True)
class _Bucket:
    level: float = 0.0
    at: float = 0.0


@dataclass(slots=True)
class Summary:
    """Failures from one source within a minute."""

    source: str
    first: datetime
    last: datetime
    attempts: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    names: list[str] = field(default_factory=list)


class _Buckets:
    """Failures that leak steadily, by key; bounded, the one that was touched least lately is forgotten."""

    def __init__(self, forgives_each_seconds: float) -> None:
        self._forgives_each_seconds = forgives_each_seconds
        self._held: OrderedDict[str, _Bucket] = OrderedDict()

    def wait_seconds(self, key: str, failures_max: int, now: float) -> float:
        """How long until there is room for one more; below zero when there is."""
        return (self._level(key, now) + 1 - failures_max) * self._forgives_each_seconds

    def fill(self, key: str, amount: int, now: float) -> None:
        """So many failures more, or fewer."""
        level = max(0.0, self._level(key, now) + amount)
        self._held.pop(key, None)
        if level > 0:
            self._held[key] = _Bucket(level, now)
        while len(self._held) > KEYS_MAX:
            self._held.popitem(last=False)

    def _level(self, key: str, now: float) -> float:
        found = self._held.get(key)
        if found is None:
            return 0.0
        return max(0.0, found.level - (now - found.at) / self._forgives_each_seconds)

    def __len__(self) -> int:
        return len(self._held)


def _account_key(account: str, device: str) -> str:
    return f"{account.lower()}\x00{device}"


def network_of(source: str) -> str:
    """The /24 or /56 that an address belongs to: one person's reach, roughly."""
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped  # how an IPv4 client looks to a socket that takes both
    prefix = 24 if address.version == 4 else 56
    return str(ipaddress.ip_network((address, prefix), strict=False))


class SignInThrottle:
    """Counts failures and says how long to wait; one per authority process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: OrderedDict[_Key, _Failures] = OrderedDict()
        self._networks = _Buckets(NETWORK_FORGIVES_EACH_SECONDS)
        self._accounts = _Buckets(ACCOUNT_FORGIVES_EACH_SECONDS)
        self._summaries: OrderedDict[str, Summary] = OrderedDict()
        self.noted_total = 0

    def wait_seconds(self, account: str, source: str, way: Way = Way.PASSWORD) -> float:
        """How long this account from this network is refused from now on; 0 when it may try."""
        network = network_of(source)
        found = self._failures.get((way, account.lower(), network))
        own = found.until - self._clock.elapsed_seconds() if found else 0.0
        shared = self._networks.wait_seconds(network, NETWORK_FAILURES_MAX, self._clock.elapsed_seconds())
        return max(0.0, own, shared)

    def wait_everywhere_seconds(self, account: str, device: str = "") -> float:
        """How long this account is refused wherever it is tried, on this device that it knows, or on others; or 0."""
        key = _account_key(account, device)
        return max(0.0, self._accounts.wait_seconds(key, ACCOUNT_FAILURES_MAX, self._clock.elapsed_seconds()))

    def failed(self, account: str, source: str, reason: str, way: Way = Way.PASSWORD) -> None:
        """One more failure, which was not begun."""
        self.begun(account, source, way)
        self.noted(source, reason, account if way is Way.PASSWORD else "")

    def begun(self, account: str, source: str, way: Way = Way.PASSWORD, device: str = "") -> None:
        """An attempt is under way: a failure until `succeeded` or `given_back`, which name the same device."""
        network = network_of(source)
        self._fill(network, 1)
        if way is Way.PASSWORD:
            self._accounts.fill(_account_key(account, device), 1, self._clock.elapsed_seconds())
        key = (way, account.lower(), network)
        now = self._clock.elapsed_seconds()
        found = self._failures.pop(key, None)
        if found is None or now - found.last > FORGET_SECONDS:
            found = _Failures()
        found.count += 1
        found.last = now
        if found.count > FREE_FAILURES:
            exponent = min(found.count - FREE_FAILURES - 1, 16)
            found.until = now + min(FIRST_WAIT_SECONDS * 2.0**exponent, WAIT_MAX_SECONDS)
        self._failures[key] = found
        while len(self._failures) > KEYS_MAX:
            self._failures.popitem(last=False)

    def succeeded(self, account: str, source: str, device: str = "") -> None:
        """What was begun as a password is no failure; forget the failures of this account from this network."""
        network = network_of(source)
        self._failures.pop((Way.PASSWORD, account.lower(), network), None)
        self._give_back(account, network, device)

    def given_back(self, account: str, source: str, device: str = "") -> None:
        """What was begun as a password came to no answer: it is neither failure nor success."""
        network = network_of(source)
        found = self._failures.get((Way.PASSWORD, account.lower(), network))
        if found is not None:
            found.count = max(0, found.count - 1)
            if found.count <= FREE_FAILURES:
                found.until = 0.0
        self._give_back(account, network, device)

    def take_summaries(self, *, everything: bool = False) -> list[Summary]:
        """The summaries whose minute is over; they are forgotten here."""
        now = self._clock.now()
        due = [source for source, one in self._summaries.items() if everything or now - one.first >= SUMMARY_EACH]
        return [self._summaries.pop(source) for source in due]

    def put_back(self, summaries: Iterable[Summary]) -> None:
        """What could not be written, joined with what came meanwhile; the bound on sources holds here too."""
        for one in summaries:
            source = one.source
            if source not in self._summaries and len(self._summaries) >= SOURCES_MAX:
                source = OTHERS
            later = self._summaries.setdefault(source, Summary(source, one.first, one.last))
            later.attempts += one.attempts
            later.first, later.last = min(one.first, later.first), max(one.last, later.last)
            later.reasons.update(one.reasons)
            names = dict.fromkeys((*one.names, *later.names))
            later.names[:] = list(names)[:NAMES_SAMPLED]

    def _fill(self, network: str, amount: int) -> None:
        self._networks.fill(network, amount, self._clock.elapsed_seconds())

    def _give_back(self, account: str, network: str, device: str) -> None:
        # The attempt alone: what others have failed at under this name stays, or a success would win them guesses back.
        self._fill(network, -1)
        self._accounts.fill(_account_key(account, device), -1, self._clock.elapsed_seconds())

    def noted(self, source: str, reason: str, name: str = "") -> None:
        """Why an attempt failed, for the summary; `name` is the user's name that was given, if any was."""
        now = self._clock.now()
        self.noted_total += 1
        summary = self._summaries.get(source)
        if summary is None:
            if len(self._summaries) >= SOURCES_MAX:
                source = OTHERS
            summary = self._summaries.setdefault(source, Summary(source, now, now))
        summary.attempts += 1
        summary.last = now
        summary.reasons[reason] += 1
        shown = name[:NAME_CHARACTERS_MAX]
        if shown and len(summary.names) < NAMES_SAMPLED and shown not in summary.names:
            summary.names.append(shown)
