"""Which store: the file in the data directory, or the PostgreSQL database of `store:`."""

from typing import Final

from doorward.authority.noting import note
from doorward.base.clock import SystemClock
from doorward.base.entropy import SystemEntropy
from doorward.domain.audit.event import SYSTEM
from doorward.domain.audit.events_people import STORE_MIGRATED
from doorward.main.layout import Layout
from doorward.main.settings import BadSettings, Settings
from doorward.stores.sql.store import SqlStore

_SCHEMES: Final = ("postgresql://", "postgresql+asyncpg://")


async def open_store(settings: Settings, layout: Layout) -> SqlStore:
    """Open it, bring its tables to this version, and say so in the log when that changed them; close it once."""
    store = await _open(settings, layout)
    if store.migrated is not None:
        before, after = store.migrated
        await store.write(lambda tx: note(tx, STORE_MIGRATED, SYSTEM, {"before": before, "after": after}))
    return store


async def _open(settings: Settings, layout: Layout) -> SqlStore:
    if not settings.store:
        from doorward.stores.sql.sqlite_store import open_sqlite

        return await open_sqlite(layout.database, SystemClock(), SystemEntropy())
    if not settings.store.startswith(_SCHEMES):
        # The value may hold a password, so it is not shown.
        raise BadSettings("reading store: postgresql://USER:PASSWORD@HOST:PORT/DATABASE is expected, or nothing")
    from doorward.stores.sql.postgres_store import open_postgres

    return await open_postgres(settings.store, SystemClock(), SystemEntropy())
