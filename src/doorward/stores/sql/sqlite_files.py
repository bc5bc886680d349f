"""The database file and its connections, as SQLite needs them.

WAL lets readers read while one writes; `synchronous=FULL` makes each commit survive a power cut; the file belongs to us
alone. `recursive_triggers` makes the triggers see rows that `INSERT OR REPLACE` would remove behind their back.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, NullPool, create_engine, event

from doorward.base.errors import Invalid

BUSY_MILLISECONDS: Final = 5_000  # another process (a backup, a second start) may hold the lock that long
CACHE_KIB: Final = 16_384

_PRAGMAS: Final = (
    f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA recursive_triggers = ON",
    "PRAGMA trusted_schema = OFF",
    f"PRAGMA cache_size = -{CACHE_KIB}",
)


class ExposedStore(Invalid):
    """Others than the owner may read the database."""

    code = "exposed_store"


def prepare_file(path: Path) -> None:
    """Make directory (0700) and file (0600) when they are missing; `ExposedStore` when either is open to others."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    for place in (path.parent, path):
        if stat.S_IMODE(place.stat().st_mode) & 0o077:
            raise ExposedStore(f"opening the store: {place} is open to others; take their rights with chmod go=")


def writing_engine(path: Path) -> Engine:
    """For the one connection that writes: a transaction takes the write lock as it begins."""
    engine = _engine(path)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def reading_engine(path: Path) -> Engine:
    """For readers: a transaction is a snapshot, and writing in it fails."""
    engine = _engine(path, "PRAGMA query_only = ON")
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def _engine(path: Path, *more_pragmas: str) -> Engine:
    # The driver begins no transaction of its own; the listeners above do. Connections stay in the thread that made
    # them, except that the one who closes the store may close them.
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=NullPool,
        connect_args={"isolation_level": None, "check_same_thread": False, "cached_statements": 512},
    )

    def set_up(connection: Any, _record: object) -> None:
        for pragma in (*_PRAGMAS, *more_pragmas):
            connection.execute(pragma)

    event.listen(engine, "connect", set_up)
    return engine
