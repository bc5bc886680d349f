"""How much is measured: what the published figures rest on, and a quick look that finishes in seconds."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Sizes:
    """Counts of one run."""

    nodes: int = 10_000
    setup_rounds: int = 40
    bulk_bytes: int = 1 << 30
    bulk_rounds: int = 3
    keystrokes: int = 1_500
    sessions: int = 200
    idle_sessions: int = 500
    lists: int = 40
    operations: int = 1_500


FULL: Final = Sizes()
QUICK: Final = Sizes(
    nodes=1_000,
    setup_rounds=5,
    bulk_bytes=1 << 26,
    bulk_rounds=1,
    keystrokes=200,
    sessions=20,
    idle_sessions=40,
    lists=5,
    operations=300,
)
