"""The migrations make what the statements expect, once, under a lock, or refuse."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, text

from doorward.base.clock import ManualClock, SystemClock
from doorward.base.entropy import SeededEntropy, SystemEntropy
from doorward.base.errors import Unavailable
from doorward.domain.access.gateway_scope import EVERY_NODE
from doorward.stores.sql import tables_log, tables_sessions
from doorward.stores.sql.migrate import LOCATION, NewerTables, migrate
from doorward.stores.sql.migrations import versions
from doorward.stores.sql.postgres_store import open_postgres
from doorward.stores.sql.sqlite_store import open_sqlite
from doorward.stores.sql.store import SqlStore
from doorward.stores.sql.tables import metadata
from doorward.stores.sql.triggers import trigger_statements


async def test_the_migrations_make_exactly_the_tables_that_are_written_against(store: SqlStore) -> None:
    def differences(connection: Connection) -> list[Any]:
        assert {tables_log.log_entries.name, tables_sessions.sessions.name} <= set(metadata.tables)
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))

    assert await store.write(lambda tx: differences(tx.connection)) == []


async def test_the_triggers_in_the_database_are_those_that_the_table_of_moves_makes(sqlite_store: SqlStore) -> None:
    statement = text("SELECT sql FROM sqlite_master WHERE type = 'trigger'")
    found = await sqlite_store.read(lambda tx: tx.connection.execute(statement).scalars().all())
    assert sorted(found) == sorted(trigger_statements("sqlite"))


async def test_migrating_again_does_nothing(store: SqlStore) -> None:
    before, newest = await store.write(lambda tx: migrate(tx.connection))
    assert before == newest
    assert before == newest_in_the_folder()


def newest_in_the_folder() -> str:
    return max(file.stem.split("_")[1] for file in Path(versions.__path__[0]).glob("rev_*.py"))


async def test_tables_of_a_newer_version_are_left_alone(database_path: Path) -> None:
    store = await open_sqlite(database_path, ManualClock(), SeededEntropy(1))
    await store.write(lambda tx: tx.connection.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    await store.close()
    with pytest.raises(NewerTables):
        await open_sqlite(database_path, ManualClock(), SeededEntropy(1))


async def test_two_that_start_together_migrate_once(database_path: Path) -> None:
    stores = await asyncio.gather(*(open_sqlite(database_path, SystemClock(), SystemEntropy()) for _ in range(3)))
    for store in stores:
        assert await store.read(lambda tx: tx.revocation.current()) == 0
        await store.close()


async def test_two_that_start_together_on_postgresql_migrate_once(postgres: Any) -> None:
    url = postgres.create_database("starting_together")
    opening = [open_postgres(url, SystemClock(), SystemEntropy()) for _ in range(3)]
    for store in await asyncio.gather(*opening):
        assert await store.read(lambda tx: tx.revocation.current()) == 0
        await store.close()


async def test_a_postgresql_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await open_postgres("postgresql://nobody@127.0.0.1:1/x", SystemClock(), SystemEntropy())


def test_gateways_from_before_scopes_keep_what_they_could_do() -> None:
    with create_engine("sqlite://").begin() as connection:
        config = Config()
        config.set_main_option("script_location", LOCATION)
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        columns = "id, name, names, joined, x509_serial, disabled"
        connection.exec_driver_sql(f"INSERT INTO gateways ({columns}) VALUES ('a', 'gw', '[]', 0, '0a', 0)")
        migrate(connection)
        scopes = connection.exec_driver_sql("SELECT scope FROM gateways").scalars().all()
        assert [json.loads(scope) for scope in scopes] == [{key: [*values] for key, values in EVERY_NODE.items()}]
