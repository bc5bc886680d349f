"""Jump connections, as rows: which proofs have opened one, which live where, and which a gateway must close.

A row stays as long as its proof could be shown again; an order to cut stands in the row of what it cuts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, func, select, update

from doorward.base.ids import GatewayId
from doorward.domain.sessions.jumps import JumpCut, JumpRecord, LiveJumps
from doorward.stores.sql.statements import insert_unless_taken, row_with
from doorward.stores.sql.tables_sessions import jumps

_FIELDS: Final = tuple(field.name for field in fields(JumpRecord))
_WHOSE: Final = (jumps.c.gateway_id, jumps.c.user_id, jumps.c.sign_in_id)
_END: Final = update(jumps).where(jumps.c.proof_digest == bindparam("which"), jumps.c.is_live).values(is_live=False)


@dataclass(frozen=True, slots=True)
class SqlJumps:
    """`Jumps` of `authority.ports`."""

    connection: Connection

    def add(self, jump: JumpRecord, now: datetime) -> bool:
        """False when this proof has opened one before; forgets those whose proofs could not be shown again."""
        self.connection.execute(delete(jumps).where(jumps.c.expires <= now))
        values: dict[str, Any] = {name: getattr(jump, name) for name in _FIELDS}
        values |= {"is_live": True, "cut_epoch": None, "cut_message": ""}
        return insert_unless_taken(self.connection, jumps, "proof_digest", values)

    def has(self, proof_digest: bytes) -> bool:
        """Whether this proof has opened one."""
        return row_with(self.connection, jumps.c.proof_digest, proof_digest) is not None

    def live(self, now: datetime) -> Sequence[LiveJumps]:
        """The live ones, by gateway and sign-in."""
        statement = select(*_WHOSE, func.count()).where(jumps.c.is_live, jumps.c.expires > now)
        rows = self.connection.execute(statement.group_by(*_WHOSE).order_by(*_WHOSE))
        return [LiveJumps(*row) for row in rows]

    def live_of_gateway(self, gateway_id: GatewayId) -> Mapping[str, datetime]:
        """The ids of one gateway's live ones, and when each was opened."""
        statement = select(jumps.c.proof_digest, jumps.c.opened)
        rows = self.connection.execute(statement.where(jumps.c.is_live, jumps.c.gateway_id == gateway_id))
        return {row.proof_digest.hex(): row.opened for row in rows}

    def end(self, jump_ids: Sequence[str]) -> None:
        """They are closed."""
        if jump_ids:
            self.connection.execute(_END, [{"which": bytes.fromhex(one)} for one in jump_ids])

    def cut(self, whose: LiveJumps, epoch: int, message: str) -> None:
        """Keep an order to close all of these, for their gateway to fetch."""
        self.connection.execute(
            update(jumps)
            .where(jumps.c.is_live, jumps.c.gateway_id == whose.gateway_id, jumps.c.sign_in_id == whose.sign_in_id)
            .values(is_live=False, cut_epoch=epoch, cut_message=message)
        )

    def cuts_after(self, gateway_id: GatewayId, epoch: int) -> Sequence[JumpCut]:
        """A gateway's orders beyond `epoch`, in order."""
        statement = (
            select(jumps.c.cut_epoch, jumps.c.proof_digest, jumps.c.cut_message)
            .where(jumps.c.gateway_id == gateway_id, jumps.c.cut_epoch > epoch)
            .order_by(jumps.c.cut_epoch, jumps.c.proof_digest)
        )
        rows = self.connection.execute(statement)
        return [JumpCut(row.cut_epoch, row.proof_digest.hex(), row.cut_message) for row in rows]
