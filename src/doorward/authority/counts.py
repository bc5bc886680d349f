"""What this process has counted since it started: answers, not what the store holds. For `/metrics` alone."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    """What came of a gateway's wish to open a session."""

    ALLOWED = "allowed"
    REFUSED = "refused"
    FAILED = "failed"  # no decision: the store, the signer or the gateway's request was at fault


@dataclass(slots=True)
class Counts:
    """Grow only; one per authority process."""

    openings: Counter[Outcome] = field(default_factory=Counter)
