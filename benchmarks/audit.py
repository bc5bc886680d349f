"""How many events a second the store makes durable and numbers, from 64 operations at once.

`python -m benchmarks.audit` prints the figures; `measure()` gives them to the bench. Each operation is one unit of work
with one event of three fields (two of them salted and hashed), awaited before the next; the clock runs from the first
call to the last acknowledgement. SQLite lies on the disk under the temporary directory with `synchronous=FULL`;
PostgreSQL runs on loopback with `fsync` and `synchronous_commit` on.

Where the time goes on SQLite, in microseconds of CPU for one operation, on two cores that had other work too (the
shares matter more than the sums): on the caller's loop 22; on the writing thread 120, of which making the event 18,
its leaf with two salted hashes 35, the savepoint 4, the row with its indexes and trigger 39, the commit's share in a
batch of 64 9.
"""

import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import uvloop

from doorward.base.clock import SystemClock
from doorward.base.entropy import SystemEntropy
from doorward.base.ids import new_id
from doorward.domain.audit.event import Actor, event
from doorward.domain.audit.events_people import USER_SIGNED_IN
from doorward.stores.sql.postgres_store import open_postgres
from doorward.stores.sql.sqlite_store import open_sqlite
from doorward.stores.sql.store import SqlStore
from doorward.stores.sql.transaction import SqlTransaction

AT_ONCE = 64
OPERATIONS = 25_600
WARM_UP = 1_280


def one_event() -> Callable[[SqlTransaction], None]:
    """A unit of work that logs a sign-in."""
    user = new_id(SystemEntropy())

    def work(tx: SqlTransaction) -> None:
        tx.events.append(
            event(
                USER_SIGNED_IN,
                tx.now,
                Actor.user(user),
                user=user,
                method="password",
                user_name="alice",
                source="192.0.2.1",
            )
        )

    return work


async def per_second(store: SqlStore, operations: int) -> float:
    """Acknowledged operations per second."""
    work = one_event()

    async def caller() -> None:
        for _ in range(operations // AT_ONCE):
            await store.write(work)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(caller())
    return operations / (time.perf_counter() - began)


async def _measured(store: SqlStore) -> float:
    await per_second(store, WARM_UP)
    rate = await per_second(store, OPERATIONS)
    report = await store.verify_log()
    if not report.is_sound or report.entries != OPERATIONS + WARM_UP:
        raise AssertionError(f"the log is not what was acknowledged: {report}")
    await store.close()
    return rate


async def _on_sqlite(directory: Path) -> float:
    return await _measured(await open_sqlite(directory / "doorward.db", SystemClock(), SystemEntropy()))


async def _on_postgres(url: str) -> float:
    return await _measured(await open_postgres(url, SystemClock(), SystemEntropy()))


def measure(postgres_url: str | None = None) -> dict[str, float]:
    """`audit_append_s`, and `audit_append_pg_s` when an empty PostgreSQL database is given."""
    directory = Path(tempfile.mkdtemp(prefix="doorward-bench-"))
    try:
        figures = {"audit_append_s": round(uvloop.run(_on_sqlite(directory)))}
    finally:
        shutil.rmtree(directory)
    if postgres_url is not None:
        figures["audit_append_pg_s"] = round(uvloop.run(_on_postgres(postgres_url)))
    return {name: float(value) for name, value in figures.items()}


def main() -> None:
    """Measure both engines and print the figures."""
    from tests.support.postgres import Postgres

    with Postgres() as server:
        print(json.dumps(measure(server.create_database("bench")), indent=2))


if __name__ == "__main__":
    main()
