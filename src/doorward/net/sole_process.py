"""One process of a kind on a directory: a lock on a file that the system lets go when its holder dies.

A second one would take the first one's socket away, or write where it writes. The file stays; its text is the holder's
process id, for the line that refuses the second.
"""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from doorward.base.errors import Conflict

TRIES: Final = 20
TRY_SECONDS: Final = 0.1
"""A predecessor that is just being ended, killed ones and their children included, gets two seconds to be gone."""
_PID_BYTES_MAX: Final = 20


class AlreadyRunning(Conflict):
    """Another process holds the lock."""

    code = "already_running"


@contextlib.asynccontextmanager
async def sole_process(lock: Path, what: str) -> AsyncIterator[None]:
    """Hold `lock` while inside; `AlreadyRunning` names `what` runs already. OSError when the file can not be made."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        if not await _taken(descriptor):
            holder = os.pread(descriptor, _PID_BYTES_MAX, 0).decode("ascii", "replace").strip()
            told = f", as process {holder}" if holder.isdigit() else ""
            raise AlreadyRunning(f"starting: {what} runs already on {lock.parent}{told}; nothing was changed")
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


async def _taken(descriptor: int) -> bool:
    for _ in range(TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            await asyncio.sleep(TRY_SECONDS)
        else:
            return True
    return False
