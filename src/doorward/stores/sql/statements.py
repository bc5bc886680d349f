"""Statements that are built once and run often, and two that SQLAlchemy spells differently for each engine.

Building a statement takes SQLAlchemy longer than SQLite takes to run it; opening a session runs about ten.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import Column, Connection, Row, Select, Table, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite


def insert_unless_taken(connection: Connection, table: Table, key: str, values: Mapping[str, Any]) -> bool:
    """Insert a row; false when another has the same `key`, a column with a unique index."""
    return connection.execute(_insert_unless_taken(connection.dialect.name, table, key), values).rowcount == 1


def row_with(connection: Connection, column: Column[Any], value: Any) -> Row[Any] | None:
    """The one row of the column's table whose `column` is `value`."""
    return connection.execute(_rows_with(column), {"wanted": value}).one_or_none()


def put(connection: Connection, table: Table, key: str, values: Mapping[str, Any]) -> None:
    """Insert a row, or replace every column of the one with the same `key`."""
    statement = _insert(connection.dialect.name, table).values(**values)
    others = {name: statement.excluded[name] for name in values if name != key}
    connection.execute(statement.on_conflict_do_update(index_elements=[key], set_=others))


@lru_cache(maxsize=64)
def _rows_with(column: Column[Any]) -> Select[Any]:
    return select(column.table).where(column == bindparam("wanted", type_=column.type))


@lru_cache(maxsize=64)
def _insert_unless_taken(engine: str, table: Table, key: str) -> "sqlite.Insert | postgresql.Insert":
    return _insert(engine, table).on_conflict_do_nothing(index_elements=[key])


def _insert(engine: str, table: Table) -> "sqlite.Insert | postgresql.Insert":
    if engine == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)
