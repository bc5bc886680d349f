"""argon2id, with the same work done for a name that does not exist.

Parameters are argon2-cffi's defaults (RFC 9106 low-memory profile). Hashing runs in a thread: it takes tens of
milliseconds on purpose. At most a few run at once, so that sign-ins can not take the memory of the machine, and few
wait for their turn, so that nobody waits long.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from doorward.base.errors import Unavailable

AT_ONCE_MAX: Final = 2
WAITING_MAX: Final = 32


class Busy(Unavailable):
    """More people sign in at this moment than can be looked at."""

    code = "busy"


class Passwords:
    """Hashes and checks; one per process."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._decoy = self._hasher.hash("a password that nobody has")
        self._turns = asyncio.Semaphore(AT_ONCE_MAX)
        self._present = 0

    async def hash(self, password: str) -> str:
        """A PHC string with a fresh salt; `Busy` when too many wait."""
        async with self._turn():
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, stored: str | None, password: str) -> bool:
        """Whether `password` is the stored one; None costs as much and is False. `Busy` when too many wait."""
        async with self._turn():
            return await asyncio.to_thread(self._check, stored, password)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._present >= AT_ONCE_MAX + WAITING_MAX:
            raise Busy("signing in: too many people sign in at this moment; try again in a few seconds")
        self._present += 1
        try:
            async with self._turns:
                yield
        finally:
            self._present -= 1

    def _check(self, stored: str | None, password: str) -> bool:
        try:
            self._hasher.verify(stored or self._decoy, password)
        except (VerificationError, InvalidHashError):
            return False
        return bool(stored)
