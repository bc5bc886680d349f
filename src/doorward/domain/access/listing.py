"""What is open on many resources: the logins that `decide` would allow on each, and whether each is known at all.

Equal to deciding every login of every resource, and much cheaper: each role is looked at once, not for each resource
but for each distinct set of those labels that the roles look at, of which a fleet has few.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from doorward.domain.access.decide import NO_CONTEXT, decide
from doorward.domain.access.evaluation import Labels
from doorward.domain.access.known import may_know
from doorward.domain.access.locks import Lock, facts_of
from doorward.domain.access.prepared import KindPolicy, Prepared
from doorward.domain.access.question import Grant, Target, Wanted
from doorward.domain.access.verdict import Allow, Outcome

_OF_THE_USE: Final = frozenset({"node", "login"})
"""What a lock names that differs from one line of a list to the next."""


class Listing:
    """One principal's view of resources at one instant. Ask it about as many as there are; then drop it."""

    def __init__(self, prepared: Prepared, locks: Sequence[Lock], now: datetime) -> None:
        self._prepared = prepared
        self._now = now
        facts = facts_of(prepared.subject)
        self._locks = tuple(
            lock
            for lock in locks
            # A grant brings roles and a request of its own, which a lock may name.
            if lock.in_force(now)
            and (
                prepared.grants
                or all(field in _OF_THE_USE or value in facts.get(field, ()) for field, value in lock.target)
            )
        )
        self._seen: dict[tuple[str, tuple[str | None, ...]], tuple[tuple[str, ...], bool]] = {}

    def of(self, target: Target) -> tuple[tuple[str, ...], bool]:
        """The logins open there, sorted, and whether the principal may know of it."""
        dimension = _LOGIN_OF.get(target.kind)
        keys = None if dimension is None else self._prepared.standing(target.kind).label_keys
        if keys is None or self._prepared.grants:
            return self._one(target)
        labels = target.labels
        place = (target.kind, tuple([labels.get(key) for key in keys]))
        found = self._seen.get(place)
        if found is None:
            found = logins_on(self._prepared, target, (), self._now), may_know(self._prepared, target, self._now)
            self._seen[place] = found
        if self._locks and found[0]:
            return self._one(target)
        return found

    def _one(self, target: Target) -> tuple[tuple[str, ...], bool]:
        known = may_know(self._prepared, target, self._now)
        return logins_on(self._prepared, target, self._locks, self._now), known


def logins_on(prepared: Prepared, target: Target, locks: Sequence[Lock], now: datetime) -> tuple[str, ...]:
    """The logins that `decide` allows on a node (or a desktop), sorted; obligations may still have to be met."""
    dimension = _LOGIN_OF.get(target.kind)
    if dimension is None:
        return ()
    policy = prepared.standing(target.kind)
    logins = _standing_logins(policy, target.labels, dimension)
    if prepared.grants:
        logins |= _granted_names(prepared.grants, target, dimension, now)
    if not logins:
        return ()
    if not locks and not prepared.grants:
        return tuple(sorted(logins))
    asked = (
        (login, Wanted(login=login) if dimension == "login" else Wanted(windows_login=login))
        for login in sorted(logins)
    )
    return tuple(
        login for login, wanted in asked if isinstance(decide(prepared, target, wanted, locks, NO_CONTEXT, now), Allow)
    )


_LOGIN_OF: Final = {"node": "login", "windows_desktop": "windows_login"}


def _standing_logins(policy: KindPolicy, labels: Labels, dimension: str) -> set[str]:
    """Equal to deciding each login of each role, by looking at each role once."""
    refused = []
    for denying in policy.denying:
        if denying.labels is not None and denying.labels.check(labels) is not None:
            return set()
        if dimension in denying.matchers:
            refused.append(denying.matchers[dimension])
    logins: set[str] = set()
    for role in policy.allowing:
        outcome = role.labels.check(labels).outcome
        if outcome is Outcome.BROKEN:
            return set()
        if outcome is Outcome.MATCHED and dimension in role.matchers:
            logins |= role.matchers[dimension].names
    for matcher in refused:
        logins = {login for login in logins if matcher.check(login).outcome is Outcome.MISSED}
    return logins


def _granted_names(grants: Iterable[Grant], target: Target, dimension: str, now: datetime) -> set[str]:
    return {
        value
        for grant in grants
        if grant.covers_resource(target, now)
        for account in grant.accounts
        for name, value in account.named
        if name == dimension
    }
