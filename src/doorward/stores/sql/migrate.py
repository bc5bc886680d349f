"""Bringing the tables to the newest revision, in one transaction, under a lock.

The caller holds the lock: on SQLite the transaction is `BEGIN IMMEDIATE` on the only writing connection, on PostgreSQL
`take_lock` takes an advisory one that ends with the transaction. Two authorities that start together migrate once.
"""

from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from doorward.base.errors import Invalid

LOCATION: Final = "doorward.stores.sql:migrations"
ADVISORY_KEY: Final = 0x646F6F72_00000001  # "door", 1: migrations


class NewerTables(Invalid):
    """The database was made by a newer version of this program."""

    code = "newer_tables"


def take_lock(connection: Connection) -> None:
    """Let one process migrate at a time; the lock ends with the transaction."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_KEY})")


def newer(before: str | None, after: str) -> tuple[str, str] | None:
    """What `migrate` did to tables that were there already; None for nothing."""
    return None if before is None or before == after else (before, after)


def migrate(connection: Connection) -> tuple[str | None, str]:
    """Run what is missing, in the caller's transaction; the revisions before and after.

    `NewerTables` when the database knows a revision that this program does not.
    """
    config = _config()
    script = ScriptDirectory.from_config(config)
    newest = script.get_current_head()
    if newest is None:
        raise AssertionError("there is at least one migration")
    before = MigrationContext.configure(connection).get_current_revision()
    if before is not None and before not in {step.revision for step in script.walk_revisions()}:
        raise NewerTables("opening the store: its tables come from a newer version of doorward")
    if before != newest:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return before, newest


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", LOCATION)
    config.set_main_option("path_separator", "os")
    return config
