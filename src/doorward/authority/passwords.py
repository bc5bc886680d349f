"""argon2id, with the same work done for a name that does not exist.

Parameters are argon2-cffi's defaults (RFC 9106 low-memory profile). Hashing runs in a thread: it takes tens of
milliseconds on purpose. At most a few run at once, so that sign-ins can not take the memory of the machine.
"""

import asyncio
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

AT_ONCE_MAX: Final = 2


class Passwords:
    """Hashes and checks; one per process."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._decoy = self._hasher.hash("a password that nobody has")
        self._turn = asyncio.Semaphore(AT_ONCE_MAX)

    async def hash(self, password: str) -> str:
        """A PHC string with a fresh salt."""
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, stored: str | None, password: str) -> bool:
        """Whether `password` is the stored one; None costs as much and is False."""
        async with self._turn:
            return await asyncio.to_thread(self._check, stored, password)

    def _check(self, stored: str | None, password: str) -> bool:
        try:
            self._hasher.verify(stored or self._decoy, password)
        except (VerificationError, InvalidHashError):
            return False
        return bool(stored)
