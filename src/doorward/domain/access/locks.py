"""Locks: immediate denial.

A lock names one or several of the things below; all that it names must be so. It holds until it expires, or for ever.
Principals and nodes are named by id or by name: an ambiguity locks more, never less.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from doorward.base.moment_text import moment_text
from doorward.domain.access.question import Subject, Target, Wanted
from doorward.domain.access.verdict import Outcome, Step

LOCK_FIELDS: Final = ("user", "role", "login", "node", "sign_in", "session", "request", "device", "bot")

LOCK_FIELDS_LATER: Final = frozenset({"request", "device", "bot"})
"""Decided upon, and not to be declared yet: nothing there could be meant, so such a lock would lock nothing."""

Facts = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Lock:
    """One lock: its name, what it names as (field, value), what to tell the person, and when it ends."""

    name: str
    target: tuple[tuple[str, str], ...]
    message: str = ""
    expires: datetime | None = None
    description: str = ""

    def in_force(self, now: datetime) -> bool:
        """Whether it holds at `now`."""
        return self.expires is None or now < self.expires

    def hits(self, facts: Facts, now: datetime) -> bool:
        """Whether it holds and everything that it names is so."""
        return self.in_force(now) and all(value in facts.get(field, ()) for field, value in self.target)

    @property
    def step(self) -> Step:
        """How it shows in a trace."""
        return Step(self.name, "lock", self.message, Outcome.MATCHED)


def facts_of(
    subject: Subject,
    *,
    target: Target | None = None,
    wanted: Wanted | None = None,
    session_id: str | None = None,
    role_names: tuple[str, ...] = (),
    request_id: str | None = None,
) -> Facts:
    """What locks can name, of one principal and one use; `role_names` are those that a grant adds."""
    logins = () if wanted is None else (wanted.login, wanted.windows_login)
    return {
        "user": () if subject.bot_id is not None else (subject.user_id, subject.user_name),
        "bot": () if subject.bot_id is None else (subject.bot_id, subject.user_name),
        "role": (*subject.role_names, *role_names),
        "login": tuple(login for login in logins if login is not None),
        "node": (target.id, target.name) if target is not None and target.kind == "node" else (),
        "sign_in": _one(subject.sign_in_id),
        "device": _one(subject.device_id),
        "session": _one(session_id),
        "request": _one(request_id),
    }


def locks_hit(locks: Iterable[Lock], facts: Facts, now: datetime) -> tuple[Lock, ...]:
    """The locks that deny."""
    return tuple(lock for lock in locks if lock.hits(facts, now))


def locked_text(hit: Iterable[Lock]) -> str:
    """What a person is told whom these locks shut out: until when, why, and whom to ask.

    Only for locks that hit the person, whatever they asked for: it must not tell that a node is there.
    """
    locks = tuple(hit)
    ends = [lock.expires for lock in locks if lock.expires is not None]
    until = f" until {moment_text(max(ends))}" if ends and len(ends) == len(locks) else ""
    messages = dict.fromkeys(lock.message for lock in locks if lock.message)
    why = f": {'; '.join(messages)}" if messages else ""
    return f"your access is locked{until}{why}; ask an administrator"


def _one(value: str | None) -> tuple[str, ...]:
    return () if value is None else (value,)
