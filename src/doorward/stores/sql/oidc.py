"""Signing in through a provider, as rows: identity links, begun flows, sign-ins on its word, spent log-outs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, func, insert, select, update

from doorward.base.ids import SignInId, UserId
from doorward.domain.identity.oidc_flow import FlowKind, OidcFlow
from doorward.domain.identity.oidc_sign_in import OidcSignIn
from doorward.stores.sql.statements import insert_unless_taken
from doorward.stores.sql.tables import identity_links, sign_ins
from doorward.stores.sql.tables_oidc import oidc_flows, oidc_logouts, oidc_sign_ins


@dataclass(frozen=True, slots=True)
class SqlIdentityLinks:
    """`IdentityLinks` of `authority.ports`."""

    connection: Connection

    def user_of(self, issuer: str, sub: str) -> UserId | None:
        """The user whom this identity signs in."""
        return self.connection.execute(select(identity_links.c.user_id).where(_link(issuer, sub))).scalar_one_or_none()

    def is_linked(self, user_id: UserId) -> bool:
        """Whether any identity signs this user in."""
        statement = select(func.count()).select_from(identity_links).where(identity_links.c.user_id == user_id)
        return bool(self.connection.execute(statement).scalar_one())

    def add(self, issuer: str, sub: str, user_id: UserId) -> None:
        """Link a new identity; a `Conflict` when it is linked already."""
        self.connection.execute(insert(identity_links).values(issuer=issuer, sub=sub, user_id=user_id))

    def move(self, issuer: str, sub: str, user_id: UserId, before: UserId) -> bool:
        """Link an identity anew whose user is gone; False when it is not linked to `before`."""
        found = self.connection.execute(
            update(identity_links).where(_link(issuer, sub), identity_links.c.user_id == before).values(user_id=user_id)
        )
        return found.rowcount == 1


@dataclass(frozen=True, slots=True)
class SqlOidcFlows:
    """`OidcFlows` of `authority.ports`."""

    connection: Connection

    def add(self, flow: OidcFlow) -> None:
        """Keep a new one."""
        self.connection.execute(insert(oidc_flows).values(**asdict(flow)))

    def get(self, flow_id: str) -> OidcFlow | None:
        """The flow, open or not."""
        row = self.connection.execute(select(oidc_flows).where(oidc_flows.c.id == flow_id)).one_or_none()
        return None if row is None else _flow(row)

    def spend(self, flow_id: str, now: datetime) -> bool:
        """True once, and only before it expires."""
        found = self.connection.execute(
            update(oidc_flows)
            .where(oidc_flows.c.id == flow_id, oidc_flows.c.used.is_(None), oidc_flows.c.expires > now)
            .values(used=now)
        )
        return found.rowcount == 1

    def open_count(self, network: str | None = None) -> int:
        """How many rows there are, of one network or in all; spent ones count until they are forgotten."""
        statement = select(func.count()).select_from(oidc_flows)
        if network is not None:
            statement = statement.where(oidc_flows.c.network == network)
        return self.connection.execute(statement).scalar_one()

    def forget(self, now: datetime) -> int:
        """Remove those that have expired; how many they were."""
        return self.connection.execute(delete(oidc_flows).where(oidc_flows.c.expires <= now)).rowcount


@dataclass(frozen=True, slots=True)
class SqlOidcSignIns:
    """`OidcSignIns` of `authority.ports`."""

    connection: Connection

    def add(self, sign_in: OidcSignIn) -> None:
        """Keep a new one, beside its sign-in."""
        self.connection.execute(insert(oidc_sign_ins).values(**asdict(sign_in)))

    def get(self, sign_in_id: SignInId) -> OidcSignIn | None:
        """The row of a sign-in, live or not."""
        found = self._all(select(oidc_sign_ins).where(oidc_sign_ins.c.sign_in_id == sign_in_id))
        return found[0] if found else None

    def live_of(self, issuer: str, sub: str, sid: str, now: datetime) -> Sequence[OidcSignIn]:
        """The live ones of a subject, of a session of the provider, or of both; an empty text is not compared."""
        statement = _live(now).where(oidc_sign_ins.c.issuer == issuer)
        if sub:
            statement = statement.where(oidc_sign_ins.c.sub == sub)
        if sid:
            statement = statement.where(oidc_sign_ins.c.sid == sid)
        return self._all(statement) if sub or sid else []

    def due(self, now: datetime) -> Sequence[OidcSignIn]:
        """The live ones whose claims are to be asked for again, the longest waiting first."""
        return self._all(_live(now).where(oidc_sign_ins.c.due <= now).order_by(oidc_sign_ins.c.due))

    def too_old(self, now: datetime) -> Sequence[OidcSignIn]:
        """The live ones whose claims count no more."""
        return self._all(_live(now).where(oidc_sign_ins.c.too_old <= now))

    def checked(self, sign_in_id: SignInId, checked: datetime, due: datetime, too_old: datetime) -> None:
        """The claims were heard again."""
        self.connection.execute(
            update(oidc_sign_ins)
            .where(oidc_sign_ins.c.sign_in_id == sign_in_id)
            .values(checked=checked, due=due, too_old=too_old)
        )

    def spend_logout(self, jti_hash: bytes, expires: datetime) -> bool:
        """True once for each id of a logout token."""
        return insert_unless_taken(
            self.connection, oidc_logouts, "jti_hash", {"jti_hash": jti_hash, "expires": expires}
        )

    def forget_logouts(self, now: datetime) -> int:
        """Remove ids whose tokens would be refused for their age; how many they were."""
        return self.connection.execute(delete(oidc_logouts).where(oidc_logouts.c.expires <= now)).rowcount

    def _all(self, statement: Select[Any]) -> list[OidcSignIn]:
        return [OidcSignIn(**row) for row in self.connection.execute(statement).mappings()]


def _link(issuer: str, sub: str) -> ColumnElement[bool]:
    return (identity_links.c.issuer == issuer) & (identity_links.c.sub == sub)


def _live(now: datetime) -> Select[Any]:
    live = (sign_ins.c.ended.is_(None)) & (sign_ins.c.expires > now)
    return select(oidc_sign_ins).join(sign_ins, sign_ins.c.id == oidc_sign_ins.c.sign_in_id).where(live)


def _flow(row: Row[Any]) -> OidcFlow:
    values = dict(row._mapping)
    return OidcFlow(**{**values, "kind": FlowKind(values["kind"])})
