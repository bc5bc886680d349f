"""Which refused requests of a session stand in the log one by one, and how many others there were.

What is refused has cost the client nothing and reached nobody: it can ask as fast as it likes. So the first ones are
noted, then one each few seconds, as samples; the rest is counted, exactly, and the count is an event of its own, now
and then and when the session ends. Of SFTP a recording holds each of them all the same, and pays for it.
"""

from collections import Counter
from typing import Final

from doorward.api.bodies.gateway_calls import Note

NOTED_FIRST_MAX: Final = 64
SAMPLE_SECONDS: Final = 10.0
"""After the first ones, one for each so many seconds."""
COUNTED_EACH_SECONDS: Final = 60.0
"""How long a count waits for what follows."""
_FIELDS: Final = {"sftp.operation": "sftp", "forward.refused": "forwards"}


class Refusals:
    """One session's. Times are elapsed seconds."""

    def __init__(self, now: float) -> None:
        self._tokens = float(NOTED_FIRST_MAX)
        self._filled_at = self._counted_at = now
        self._counts: Counter[str] = Counter()
        self.unnoted = 0
        """How many were not noted, in all."""

    def is_noted(self, note: Note, now: float) -> bool:
        """Whether this one stands in the log itself; else it is counted."""
        self._tokens = min(float(NOTED_FIRST_MAX), self._tokens + (now - self._filled_at) / SAMPLE_SECONDS)
        self._filled_at = now
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return True
        self.unnoted += 1
        self._counts[_FIELDS.get(note.type, "channels")] += 1
        return False

    def count(self, now: float, *, is_last: bool = False) -> Note | None:
        """The event that says how many there were since the last one, when it is time for it."""
        if not self._counts or (not is_last and now - self._counted_at < COUNTED_EACH_SECONDS):
            return None
        counts, self._counts = dict(self._counts), Counter()
        self._counted_at = now
        return Note("refusals.counted", {"count": sum(counts.values()), **counts})
