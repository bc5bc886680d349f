"""Statements for a database that was restored from a copy: what was open when the copy was made is closed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from doorward.base.ids import SignInId
from doorward.stores.sql.tables import invitations, join_tokens, revocation, sign_ins, totp_factors


@dataclass(frozen=True, slots=True)
class SqlRestoring:
    """One transaction's view; each method answers how much it closed."""

    connection: Connection

    def jump(self, epoch: int) -> None:
        """Let the revocation epoch be at least so large."""
        self.connection.execute(update(revocation).where(revocation.c.epoch < epoch).values(epoch=epoch))

    def live_sign_ins(self, now: datetime) -> Sequence[SignInId]:
        """Every sign-in that has not ended."""
        statement = select(sign_ins.c.id).where(sign_ins.c.ended.is_(None), sign_ins.c.expires > now)
        return self.connection.execute(statement).scalars().all()

    def close_codes(self, now: datetime) -> int:
        """Spend every open code without effect."""
        statement = update(invitations).where(invitations.c.used.is_(None)).values(used=now)
        return self.connection.execute(statement).rowcount

    def close_tokens(self, now: datetime) -> int:
        """Spend every open join token without effect."""
        statement = update(join_tokens).where(join_tokens.c.used.is_(None)).values(used=now)
        return self.connection.execute(statement).rowcount

    def pass_steps(self, step: int) -> None:
        """Count the second factors' steps up to this one as spent."""
        self.connection.execute(update(totp_factors).where(totp_factors.c.last_step < step).values(last_step=step))
