"""Wakes those who watch for endings, in this process, as soon as one is committed.

Missing a ring is harmless: watchers also look at the store each second, which is what other authorities' commits need.
"""

import asyncio
from typing import Final

LOOK_EACH_SECONDS: Final = 0.5


class Bell:
    """Many waiters, one ring."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._epoch = 0

    def ring(self) -> None:
        """Wake everyone who waits now."""
        self._event.set()
        self._event = asyncio.Event()

    def heard(self, epoch: int) -> None:
        """Ring when this revocation epoch is news here: another authority's commit, which rang there alone."""
        if epoch > self._epoch:
            self._epoch = epoch
            self.ring()

    async def wait(self, seconds: float = LOOK_EACH_SECONDS) -> None:
        """Return at the next ring, or after `seconds`."""
        event = self._event
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return
