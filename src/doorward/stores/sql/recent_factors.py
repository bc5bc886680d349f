"""Second factors given lately: one row for a user at an address, the newest of them."""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, delete

from doorward.base.ids import UserId
from doorward.domain.identity.factors import GivenFactor
from doorward.stores.sql.statements import put, row_with
from doorward.stores.sql.tables import recent_factors


@dataclass(frozen=True, slots=True)
class SqlRecentFactors:
    """`RecentFactors` of `authority.ports`."""

    connection: Connection

    def get(self, user_id: UserId, source: str) -> GivenFactor | None:
        """What the user gave last at that address."""
        row = row_with(self.connection, recent_factors.c.given_key, _key(user_id, source))
        return None if row is None else GivenFactor(row.user_id, row.source, row.level, row.at)

    def put(self, given: GivenFactor) -> None:
        """Keep it instead of what was given there before."""
        key = {"given_key": _key(given.user_id, given.source)}
        put(self.connection, recent_factors, "given_key", {**asdict(given), **key})

    def forget(self, user_id: UserId) -> None:
        """Let nothing that the user gave count any more."""
        self.connection.execute(delete(recent_factors).where(recent_factors.c.user_id == user_id))

    def forget_before(self, moment: datetime) -> None:
        """Drop what is too old to count anywhere."""
        self.connection.execute(delete(recent_factors).where(recent_factors.c.at < moment))


def _key(user_id: UserId, source: str) -> str:
    return f"{user_id}@{source}"
