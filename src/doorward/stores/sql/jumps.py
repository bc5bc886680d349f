"""Jump connections, as rows: which proofs have opened one, for as long as these could be shown again."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete

from doorward.stores.sql.statements import insert_unless_taken, row_with
from doorward.stores.sql.tables_sessions import jumps


@dataclass(frozen=True, slots=True)
class SqlJumps:
    """`Jumps` of `authority.ports`."""

    connection: Connection

    def add(self, proof_digest: bytes, expires: datetime, now: datetime) -> bool:
        """False when this proof has opened one before; forgets those whose certificates have run out."""
        self.connection.execute(delete(jumps).where(jumps.c.expires <= now))
        return insert_unless_taken(
            self.connection, jumps, "proof_digest", {"proof_digest": proof_digest, "expires": expires}
        )

    def has(self, proof_digest: bytes) -> bool:
        """Whether this proof has opened one."""
        return row_with(self.connection, jumps.c.proof_digest, proof_digest) is not None
