"""Putting events into the log: staged in a unit of work, numbered in a batch when it commits.

The head row holds the frontier of the tree, so a batch costs one read, one statement for its entries and one update,
however long the log is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Dialect, bindparam, insert, select, update

from doorward.base.entropy import Entropy
from doorward.domain.audit.event import Event
from doorward.domain.audit.leaf import make_leaf
from doorward.domain.audit.merkle import Frontier
from doorward.stores.sql.tables_log import log_entries, log_head

Row = dict[str, Any]

_READ_HEAD = select(log_head.c.size, log_head.c.frontier, log_head.c.last_at_micros).where(log_head.c.id == 1)
_LOCK_HEAD = _READ_HEAD.with_for_update()
_MOVE_HEAD = (
    update(log_head)
    .where(log_head.c.id == 1)
    .values({name: bindparam(f"new_{name}") for name in ("size", "frontier", "root", "last_at_micros")})
)


def entry_row(event: Event, entropy: Entropy) -> Row:
    """The columns of `event`, all but its number, in the order of the table."""
    leaf = make_leaf(event, entropy)
    about = event.subjects
    return {
        "leaf": leaf.data,
        "leaf_hash": leaf.hash,
        "at_micros": event.at_micros,
        "code": event.type.code,
        "type": event.type.name,
        "actor_id": event.actor.id or None,
        "user_id": about.user or None,
        "person_id": about.person or None,
        "node_id": about.node or None,
        "session_id": about.session or None,
        "sign_in_id": about.sign_in or None,
        "gateway_id": about.gateway or None,
        "resource_id": about.resource or None,
        "sidecar": leaf.sidecar,
    }


@dataclass(frozen=True, slots=True)
class LogHead:
    """Where the log ends, as the transaction that holds its row sees it."""

    frontier: Frontier
    last_at_micros: int


def lock_head(connection: Connection) -> LogHead:
    """The head, whose row nobody else gets before this transaction ends."""
    size, hashes, last_at_micros = connection.execute(_LOCK_HEAD).one()
    return LogHead(Frontier.from_bytes(size, hashes), last_at_micros)


def append_rows(connection: Connection, rows: Sequence[Row], head: LogHead | None = None) -> None:
    """Number `rows` from the head on and store them; the caller commits. The head row is locked until then."""
    if not rows:
        return
    head = head or lock_head(connection)
    # The driver gets the rows as they are: SQLAlchemy's own handling of each would take as long as SQLite's.
    connection.exec_driver_sql(
        _insert_text(connection.dialect),
        [(number, *row.values()) for number, row in enumerate(rows, start=head.frontier.size)],
    )
    grown = head.frontier.extended(row["leaf_hash"] for row in rows)
    connection.execute(
        _MOVE_HEAD,
        {
            "new_size": grown.size,
            "new_frontier": grown.to_bytes(),
            "new_root": grown.root(),
            "new_last_at_micros": max(head.last_at_micros, *(row["at_micros"] for row in rows)),
        },
    )


@lru_cache(maxsize=16)
def _insert_text(dialect: Dialect) -> str:
    """The insert as the driver wants it, with the columns in the order of the table, which is that of `entry_row`."""
    return str(insert(log_entries).compile(dialect=dialect))


class StagedEvents:
    """The events of one unit of work; they become entries when it commits, and vanish when it fails."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self.rows: list[Row] = []

    def append(self, event: Event) -> None:
        """Stage `event`. Its leaf is made now, so that an event without a form fails its own unit of work only."""
        self.rows.append(entry_row(event, self._entropy))


class ReadOnly(Exception):
    """A reading unit of work tried to write."""


class NoEvents:
    """Stands where a reading unit of work would stage events."""

    def append(self, event: Event) -> None:
        """Always `ReadOnly`."""
        raise ReadOnly(f"staging {event.type.name} in a reading unit of work")
