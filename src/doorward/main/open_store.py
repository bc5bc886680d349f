"""Which store: the file in the data directory, or the PostgreSQL database of `store:`."""

from typing import Final

from doorward.base.clock import SystemClock
from doorward.base.entropy import SystemEntropy
from doorward.main.layout import Layout
from doorward.main.settings import BadSettings, Settings
from doorward.stores.sql.store import SqlStore

_SCHEMES: Final = ("postgresql://", "postgresql+asyncpg://")


async def open_store(settings: Settings, layout: Layout) -> SqlStore:
    """Open it, and bring its tables to this version; close it once."""
    if not settings.store:
        from doorward.stores.sql.sqlite_store import open_sqlite

        return await open_sqlite(layout.database, SystemClock(), SystemEntropy())
    if not settings.store.startswith(_SCHEMES):
        # The value may hold a password, so it is not shown.
        raise BadSettings("reading store: postgresql://USER:PASSWORD@HOST:PORT/DATABASE is expected, or nothing")
    from doorward.stores.sql.postgres_store import open_postgres

    return await open_postgres(settings.store, SystemClock(), SystemEntropy())
