"""A process that writes to a SQLite store until it is killed, and prints each thing that was acknowledged.

`python -m tests.support.crashing_writer PATH`: many writers at once, each adding a resource with two events, so that a
kill falls into the middle of batches.
"""

import asyncio
import sys
from pathlib import Path

from tests.support.audit_events import signed_in

from doorward.authority.ports import StoredResource
from doorward.base.clock import SystemClock
from doorward.base.entropy import SystemEntropy
from doorward.base.ids import new_id
from doorward.stores.sql.sqlite_store import SqliteStore, open_sqlite
from doorward.stores.sql.transaction import SqlTransaction

WRITERS = 32


async def _write_for_ever(store: SqliteStore) -> None:
    while True:
        name = new_id(SystemEntropy())

        def work(tx: SqlTransaction, name: str = name) -> None:
            tx.resources.insert(StoredResource("node", name, name, 1, {}, tx.now))
            tx.events.append(signed_in(name))
            tx.events.append(signed_in(name))

        await store.write(work)
        sys.stdout.write(f"{name}\n")
        sys.stdout.flush()


async def _main() -> None:
    store = await open_sqlite(Path(sys.argv[1]), SystemClock(), SystemEntropy())
    async with asyncio.TaskGroup() as tasks:
        for _ in range(WRITERS):
            tasks.create_task(_write_for_ever(store))


if __name__ == "__main__":
    asyncio.run(_main())
