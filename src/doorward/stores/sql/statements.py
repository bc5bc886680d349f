"""Two statements that both engines know and that SQLAlchemy spells once for each."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_unless_taken(connection: Connection, table: Table, key: str, values: Mapping[str, Any]) -> bool:
    """Insert a row; false when another has the same `key`, a column with a unique index."""
    statement = _insert(connection, table).values(**values).on_conflict_do_nothing(index_elements=[key])
    return connection.execute(statement).rowcount == 1


def put(connection: Connection, table: Table, key: str, values: Mapping[str, Any]) -> None:
    """Insert a row, or replace every column of the one with the same `key`."""
    statement = _insert(connection, table).values(**values)
    others = {name: statement.excluded[name] for name in values if name != key}
    connection.execute(statement.on_conflict_do_update(index_elements=[key], set_=others))


def _insert(connection: Connection, table: Table) -> "sqlite.Insert | postgresql.Insert":
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)
