"""The log's signed checkpoints, by size."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from doorward.authority.ports import KeptCheckpoint
from doorward.stores.sql.statements import insert_unless_taken
from doorward.stores.sql.tables_log import log_checkpoints


@dataclass(frozen=True, slots=True)
class SqlCheckpoints:
    """`Checkpoints` of `authority.ports`."""

    connection: Connection

    def add(self, checkpoint: KeptCheckpoint) -> None:
        """Keep it; one of the same size stays as it is."""
        insert_unless_taken(self.connection, log_checkpoints, "size", asdict(checkpoint))

    def latest(self) -> KeptCheckpoint | None:
        """The largest, if there is one."""
        statement = select(log_checkpoints).order_by(log_checkpoints.c.size.desc()).limit(1)
        row = self.connection.execute(statement).one_or_none()
        return None if row is None else _checkpoint(row)

    def list(self) -> Sequence[KeptCheckpoint]:
        """All of them, the smallest first."""
        rows = self.connection.execute(select(log_checkpoints).order_by(log_checkpoints.c.size))
        return [_checkpoint(row) for row in rows]


def _checkpoint(row: Row[Any]) -> KeptCheckpoint:
    return KeptCheckpoint(row.size, row.root, row.note, row.signed)
