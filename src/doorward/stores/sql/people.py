"""What is kept of users: the persons they are, their passwords, factors, failures and invitations."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from doorward.base.ids import PersonId, UserId
from doorward.domain.identity.factors import FactorFailures, Password, TotpFactor
from doorward.domain.identity.invitation import Invitation, InvitationPurpose
from doorward.stores.sql.statements import put
from doorward.stores.sql.tables import factor_failures, invitations, passwords, totp_factors, user_persons


@dataclass(frozen=True, slots=True)
class SqlPersons:
    """`Persons` of `authority.ports`."""

    connection: Connection

    def add(self, person_id: PersonId, user_id: UserId) -> None:
        """Say that a user is that person; a user is one person for good."""
        self.connection.execute(insert(user_persons).values(user_id=user_id, person_id=person_id))

    def of_user(self, user_id: UserId) -> PersonId | None:
        """The person whom a user is."""
        return self.connection.execute(
            select(user_persons.c.person_id).where(user_persons.c.user_id == user_id)
        ).scalar_one_or_none()


@dataclass(frozen=True, slots=True)
class SqlPasswords:
    """`Passwords` of `authority.ports`."""

    connection: Connection

    def get(self, user_id: UserId) -> Password | None:
        """The user's password hash."""
        row = self.connection.execute(select(passwords).where(passwords.c.user_id == user_id)).one_or_none()
        return None if row is None else Password(row.user_id, row.hash, row.changed)

    def put(self, password: Password) -> None:
        """Set or replace it."""
        put(self.connection, passwords, "user_id", asdict(password))

    def delete(self, user_id: UserId) -> None:
        """Remove it, if there is one."""
        self.connection.execute(delete(passwords).where(passwords.c.user_id == user_id))


@dataclass(frozen=True, slots=True)
class SqlTotpFactors:
    """`TotpFactors` of `authority.ports`."""

    connection: Connection

    def list(self, user_id: UserId) -> Sequence[TotpFactor]:
        """Every factor of a user, unconfirmed ones too, the oldest first."""
        statement = select(totp_factors).where(totp_factors.c.user_id == user_id)
        rows = self.connection.execute(statement.order_by(totp_factors.c.created, totp_factors.c.id))
        return [_factor(row) for row in rows]

    def add(self, factor: TotpFactor) -> None:
        """Keep a new one."""
        self.connection.execute(insert(totp_factors).values(**asdict(factor)))

    def confirm(self, factor_id: str, now: datetime) -> None:
        """Mark it as proven; the first time stands."""
        self.connection.execute(
            update(totp_factors)
            .where(totp_factors.c.id == factor_id, totp_factors.c.confirmed.is_(None))
            .values(confirmed=now)
        )

    def advance(self, factor_id: str, step: int) -> bool:
        """Spend a step: true only when it is greater than the last one (RFC 6238 section 5.2)."""
        found = self.connection.execute(
            update(totp_factors)
            .where(totp_factors.c.id == factor_id, totp_factors.c.last_step < step)
            .values(last_step=step)
        )
        return found.rowcount == 1

    def delete_all(self, user_id: UserId) -> int:
        """Remove every factor of a user; how many there were."""
        return self.connection.execute(delete(totp_factors).where(totp_factors.c.user_id == user_id)).rowcount


@dataclass(frozen=True, slots=True)
class SqlFailures:
    """`Failures` of `authority.ports`."""

    connection: Connection

    def get(self, user_id: UserId) -> FactorFailures | None:
        """A user's failures in a row."""
        statement = select(factor_failures).where(factor_failures.c.user_id == user_id)
        row = self.connection.execute(statement).one_or_none()
        return None if row is None else FactorFailures(row.user_id, row.failures, row.blocked_until)

    def put(self, failures: FactorFailures) -> None:
        """Set or replace them."""
        put(self.connection, factor_failures, "user_id", asdict(failures))

    def clear(self, user_id: UserId) -> None:
        """Forget them: a factor matched."""
        self.connection.execute(delete(factor_failures).where(factor_failures.c.user_id == user_id))


@dataclass(frozen=True, slots=True)
class SqlInvitations:
    """`Invitations` of `authority.ports`."""

    connection: Connection

    def add(self, invitation: Invitation) -> None:
        """Keep a new one."""
        self.connection.execute(insert(invitations).values(**asdict(invitation)))

    def by_code_hash(self, code_hash: bytes) -> Invitation | None:
        """The one whose code hashes to this, spent or not."""
        row = self.connection.execute(select(invitations).where(invitations.c.code_hash == code_hash)).one_or_none()
        return None if row is None else _invitation(row)

    def spend(self, invitation_id: str, now: datetime) -> bool:
        """True once, and only before it expires."""
        found = self.connection.execute(
            update(invitations)
            .where(invitations.c.id == invitation_id, invitations.c.used.is_(None), invitations.c.expires > now)
            .values(used=now)
        )
        return found.rowcount == 1

    def revoke_all(self, user_id: UserId, now: datetime) -> int:
        """Spend every open invitation of a user without effect; how many there were."""
        found = self.connection.execute(
            update(invitations).where(invitations.c.user_id == user_id, invitations.c.used.is_(None)).values(used=now)
        )
        return found.rowcount


def _factor(row: Row[Any]) -> TotpFactor:
    return TotpFactor(
        row.id, row.user_id, row.sealed, row.last_step, row.created, row.enrolled_by, confirmed=row.confirmed
    )


def _invitation(row: Row[Any]) -> Invitation:
    purpose = InvitationPurpose(row.purpose)
    return Invitation(row.id, row.code_hash, row.user_id, purpose, row.expires, row.created_by, used=row.used)
