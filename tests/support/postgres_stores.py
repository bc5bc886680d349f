"""A PostgreSQL store as the first migration leaves it, in a database that tests share one after the other.

Emptying takes a few milliseconds; making and migrating a database of its own takes longer than most tests.
"""

from sqlalchemy import insert, text, update

from doorward.base.clock import Clock
from doorward.base.entropy import Entropy
from doorward.domain.audit.merkle import EMPTY_ROOT
from doorward.stores.sql.postgres_store import PostgresStore, open_postgres
from doorward.stores.sql.tables import counters, metadata, revocation
from doorward.stores.sql.tables_log import log_head
from doorward.stores.sql.transaction import SqlTransaction


async def open_emptied(url: str, clock: Clock, entropy: Entropy) -> PostgresStore:
    """The store, its time the clock's; the caller closes it."""
    store = await open_postgres(url, clock, entropy, database_time=False)
    await store.write(_empty)
    return store


def _empty(tx: SqlTransaction) -> None:
    """As the first migration leaves it. A replica's role passes by the triggers that keep rows; TRUNCATE would make a
    file anew for each table and index, and wait for the disk each time. The log's head stays one and the same row: the
    sequencer may be waiting for it."""
    deletes = " ".join(f"DELETE FROM {table.name};" for table in metadata.sorted_tables if table is not log_head)
    tx.connection.execute(text(f"DO $$ BEGIN SET LOCAL session_replication_role = replica; {deletes} END $$"))
    empty_log = update(log_head).values(size=0, frontier=b"", root=EMPTY_ROOT, last_at_micros=0)
    tx.connection.execute(text("SET LOCAL session_replication_role = replica"))
    tx.connection.execute(empty_log)
    tx.connection.execute(text("SET LOCAL session_replication_role = origin"))
    tx.connection.execute(insert(revocation).values(id=1, epoch=0))
    tx.connection.execute(insert(counters).values(name="resources", value=0))
