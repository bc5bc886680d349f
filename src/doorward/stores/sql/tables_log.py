"""The tables of the audit log: numbered entries, the head, signed checkpoints, and what waits for a number.

`leaf` is what the tree is built over; the columns beside it exist to be searched and say nothing that the leaf
does not.
`log_pending` is used by PostgreSQL only, where transactions commit side by side and one sequencer numbers afterwards.
"""

from typing import Any, Final

from sqlalchemy import BigInteger as Big
from sqlalchemy import CheckConstraint, Column, Identity, Index, Integer, LargeBinary, String, Table, Text

from doorward.stores.sql.tables import ID, metadata
from doorward.stores.sql.types import Moment

# On SQLite only a column of type INTEGER is the row's own number; any other key costs a second tree.
NUMBER: Final = Big().with_variant(Integer, "sqlite")
ID_COLUMNS: Final = (
    "actor_id",
    "user_id",
    "person_id",
    "node_id",
    "session_id",
    "sign_in_id",
    "gateway_id",
    "resource_id",
)


def _entry_columns() -> list[Column[Any]]:
    return [
        Column("leaf", LargeBinary, nullable=False),
        Column("leaf_hash", LargeBinary, nullable=False),
        Column("at_micros", Big, nullable=False),
        Column("code", String(8), nullable=False),
        Column("type", String(64), nullable=False),
        *(Column(name, ID) for name in ID_COLUMNS),
        Column("sidecar", Text),
    ]


log_entries = Table(
    "log_entries", metadata, Column("seq", NUMBER, primary_key=True, autoincrement=False), *_entry_columns()
)
Index("log_entries_at", log_entries.c.at_micros)
Index("log_entries_type", log_entries.c.type, log_entries.c.seq)
for _name in ("actor_id", "user_id", "person_id", "node_id", "session_id", "resource_id"):
    _there = log_entries.c[_name].is_not(None)
    Index(f"log_entries_{_name}", log_entries.c[_name], log_entries.c.seq, sqlite_where=_there, postgresql_where=_there)

log_head = Table(
    "log_head",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="log_head_is_one"), primary_key=True),
    Column("size", Big, nullable=False),
    Column("frontier", LargeBinary, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("last_at_micros", Big, nullable=False),
)

log_pending = Table(
    "log_pending",
    metadata,
    Column("id", NUMBER, Identity(always=True), primary_key=True),
    *_entry_columns(),
)

log_checkpoints = Table(
    "log_checkpoints",
    metadata,
    Column("size", Big, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", Text, nullable=False),
    Column("signed", Moment, nullable=False),
)
