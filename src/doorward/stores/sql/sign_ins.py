"""The sign-ins, found by id and by the serial of the SSH certificate."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Row, insert, select, update

from doorward.base.ids import SignInId, UserId
from doorward.domain.identity.sign_in import SignIn, SignInEnd
from doorward.stores.sql.statements import row_with
from doorward.stores.sql.tables import sign_ins


@dataclass(frozen=True, slots=True)
class SqlSignIns:
    """`SignIns` of `authority.ports`."""

    connection: Connection

    def add(self, sign_in: SignIn) -> None:
        """Keep a new one; a serial that was given before is a `Conflict`."""
        self.connection.execute(insert(sign_ins).values(**asdict(sign_in)))

    def get(self, sign_in_id: SignInId) -> SignIn | None:
        """The sign-in, live or not."""
        return self._one(sign_ins.c.id, sign_in_id)

    def by_ssh_serial(self, serial: int) -> SignIn | None:
        """The sign-in whose SSH certificate has this serial, live or not."""
        return self._one(sign_ins.c.ssh_serial, serial)

    def live_of(self, user_id: UserId, now: datetime) -> Sequence[SignIn]:
        """A user's live sign-ins, the oldest first."""
        rows = self.connection.execute(
            select(sign_ins)
            .where(
                sign_ins.c.user_id == user_id,
                sign_ins.c.ended.is_(None),
                sign_ins.c.created <= now,
                sign_ins.c.expires > now,
            )
            .order_by(sign_ins.c.created, sign_ins.c.id)
        )
        return [_sign_in(row) for row in rows]

    def live(self, now: datetime) -> Sequence[SignIn]:
        """Every live sign-in."""
        live = select(sign_ins).where(sign_ins.c.ended.is_(None), sign_ins.c.created <= now, sign_ins.c.expires > now)
        return [_sign_in(row) for row in self.connection.execute(live)]

    def end(self, sign_in_id: SignInId, reason: SignInEnd, now: datetime) -> bool:
        """True when it was live."""
        found = self.connection.execute(
            update(sign_ins)
            .where(sign_ins.c.id == sign_in_id, sign_ins.c.ended.is_(None), sign_ins.c.expires > now)
            .values(ended=now, end_reason=reason.value)
        )
        return found.rowcount == 1

    def _one(self, column: Column[Any], value: object) -> SignIn | None:
        row = row_with(self.connection, column, value)
        return None if row is None else _sign_in(row)


def _sign_in(row: Row[Any]) -> SignIn:
    return SignIn(
        id=row.id,
        user_id=row.user_id,
        created=row.created,
        expires=row.expires,
        ssh_serial=row.ssh_serial,
        x509_serial=row.x509_serial,
        method=row.method,
        source=row.source,
        client=row.client,
        ended=row.ended,
        end_reason=None if row.end_reason is None else SignInEnd(row.end_reason),
        ssh_authority=row.ssh_authority,
        face_authorities=tuple(row.face_authorities),
    )
