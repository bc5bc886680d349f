"""What a decision says: allow or deny, and the trace of each role, rule and value that mattered.

A denial is a value, not an exception. Steps are made when roles are prepared and shared between decisions.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final, NamedTuple

from doorward.domain.access.obligations import Obligations

STANDING: Final = "standing"


class Outcome(Enum):
    """What became of one rule."""

    MATCHED = "matched"
    MISSED = "missed"
    BROKEN = "broken"


class Step(NamedTuple):
    """One rule that was asked: who holds it (a role, a lock, a grant), which field, which value, and its outcome.

    A named tuple, since it is the smallest thing that a loop over thousands of resources can collect.
    """

    source: str
    rule: str
    value: str
    outcome: Outcome


class Reason(Enum):
    """Why not. Codes are stable; texts are for people."""

    LOCKED = "locked"
    DENIED = "denied"
    NOT_ALLOWED = "not_allowed"
    BROKEN_RULE = "broken_rule"
    NO_SUCH_BASIS = "no_such_basis"
    MALFORMED = "malformed"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Allow:
    """Yes, under obligations, until an instant, on one basis: standing, or the id of a grant."""

    obligations: Obligations
    until: datetime
    basis: str
    trace: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Deny:
    """No, and why."""

    reasons: tuple[Reason, ...]
    trace: tuple[Step, ...]


Decision = Allow | Deny
