"""Sessions, the orders to cut them, and the one row that orders openings against endings.

Each move is one compare-and-set; the triggers made from `MOVES` stand behind it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Column, Connection, Row, Select, bindparam, func, insert, select, update

from doorward.base.errors import Invalid
from doorward.base.ids import GatewayId, SessionId, UserId
from doorward.domain.sessions.record import SessionCut, SessionQuery, SessionRecord
from doorward.domain.sessions.states import EndReason, SessionState
from doorward.stores.sql.statements import insert_unless_taken, row_with
from doorward.stores.sql.tables import revocation
from doorward.stores.sql.tables_sessions import session_cuts, sessions

PAGE_SESSIONS_MAX: Final = 1000
_FIELDS: Final = tuple(field.name for field in fields(SessionRecord))
_NOT_ENDED: Final = sessions.c.state != SessionState.ENDED.value
_LIVE_COUNT: Final = (
    select(func.count()).select_from(sessions).where(_NOT_ENDED, sessions.c.user_id == bindparam("wanted"))
)
_CLOSING: Final = (SessionState.ENDING.value, SessionState.ENDED.value)
_HELD: Final = select(sessions).where(sessions.c.id == bindparam("wanted")).with_for_update()
_EPOCH_FOR_OPEN: Final = select(revocation.c.epoch).with_for_update(read=True)


@dataclass(frozen=True, slots=True)
class SqlSessions:
    """`Sessions` of `authority.ports`."""

    connection: Connection

    def add(self, session: SessionRecord) -> bool:
        """False when this proof has opened a session before; a first state other than opening is a `Conflict`."""
        values: dict[str, Any] = {name: getattr(session, name) for name in _FIELDS}
        values["state"] = session.state.value
        values["end_reason"] = None if session.end_reason is None else session.end_reason.value
        return insert_unless_taken(self.connection, sessions, "proof_digest", values)

    def get(self, session_id: SessionId) -> SessionRecord | None:
        """The session, whatever its state."""
        return self._one(sessions.c.id, session_id)

    def hold(self, session_id: SessionId) -> SessionRecord | None:
        """As `get`; nobody else changes it before this transaction ends."""
        row = self.connection.execute(_HELD, {"wanted": session_id}).one_or_none()
        return None if row is None else _session(row)

    def by_proof(self, proof_digest: bytes) -> SessionRecord | None:
        """The session that this proof opened."""
        return self._one(sessions.c.proof_digest, proof_digest)

    def live(self) -> Sequence[SessionRecord]:
        """Every session that is opening, active or ending, the oldest first."""
        return self._many(_by_age(select(sessions).where(_NOT_ENDED)))

    def live_of_gateway(self, gateway_id: GatewayId) -> Sequence[SessionRecord]:
        """The live ones of one gateway, the oldest first."""
        return self._many(_by_age(select(sessions).where(_NOT_ENDED, sessions.c.gateway_id == gateway_id)))

    def live_count_of(self, user_id: UserId) -> int:
        """How many live sessions a user has. Whoever counts holds the count until the transaction ends: two sessions
        that open at once can not both be the last that is allowed."""
        if self.connection.dialect.name == "postgresql":
            # SQLite has one writer at a time anyway. The key only has to be the same for the same user.
            key = int.from_bytes(sha256(user_id.encode()).digest()[:8], signed=True)
            self.connection.execute(select(func.pg_advisory_xact_lock(key)))
        return int(self.connection.execute(_LIVE_COUNT, {"wanted": user_id}).scalar_one())

    def start(self, session_id: SessionId, now: datetime, facts: Mapping[str, Any]) -> bool:
        """Opening → active; `facts` are added to what is known."""
        merged = self._merged_facts(session_id, facts)
        found = self.connection.execute(
            update(sessions)
            .where(sessions.c.id == session_id, sessions.c.state == SessionState.OPENING.value)
            .values(state=SessionState.ACTIVE.value, started=now, facts=merged)
        )
        return found.rowcount == 1

    def begin_end(self, session_id: SessionId, reason: EndReason, message: str) -> bool:
        """Opening or active → ending; the first reason stands."""
        found = self.connection.execute(
            update(sessions)
            .where(
                sessions.c.id == session_id,
                sessions.c.state.in_((SessionState.OPENING.value, SessionState.ACTIVE.value)),
            )
            .values(state=SessionState.ENDING.value, end_reason=reason.value, end_message=message)
        )
        return found.rowcount == 1

    def end(
        self,
        session_id: SessionId,
        reason: EndReason,
        now: datetime,
        *,
        level_achieved: str,
        bytes_in: int,
        bytes_out: int,
        facts: Mapping[str, Any],
    ) -> bool:
        """Any live state → ended; true once. A reason that `begin_end` set before is kept; `facts` are added."""
        merged = self._merged_facts(session_id, facts)
        found = self.connection.execute(
            update(sessions)
            .where(sessions.c.id == session_id, _NOT_ENDED)
            .values(
                state=SessionState.ENDED.value,
                ended=now,
                end_reason=func.coalesce(sessions.c.end_reason, reason.value),
                level_achieved=level_achieved,
                bytes_in=bytes_in,
                bytes_out=bytes_out,
                facts=merged,
            )
        )
        return found.rowcount == 1

    def took_notes(self, session_id: SessionId, last: int, late: int = 0) -> None:
        """The gateway's notes up to this number are in the log; `late` of them came when it was presumed over."""
        values = {"notes_taken": last, "late_notes": sessions.c.late_notes + late}
        self.connection.execute(update(sessions).where(sessions.c.id == session_id).values(**values))

    def started_late(self, session_id: SessionId, started: datetime, facts: Mapping[str, Any]) -> bool:
        """It had started before it was ended or cut, which was not known then; its state stays."""
        merged = self._merged_facts(session_id, facts)
        found = self.connection.execute(
            update(sessions)
            .where(sessions.c.id == session_id, sessions.c.started.is_(None), sessions.c.state.in_(_CLOSING))
            .values(started=started, facts=merged)
        )
        return found.rowcount == 1

    def correct(
        self,
        session_id: SessionId,
        now: datetime,
        *,
        level_achieved: str,
        bytes_in: int,
        bytes_out: int,
        facts: Mapping[str, Any],
    ) -> bool:
        """What is known better of one that has ended; true once. State, reason and time of its end stay."""
        merged = self._merged_facts(session_id, facts)
        found = self.connection.execute(
            update(sessions)
            .where(
                sessions.c.id == session_id,
                sessions.c.state == SessionState.ENDED.value,
                sessions.c.corrected.is_(None),
            )
            .values(corrected=now, level_achieved=level_achieved, bytes_in=bytes_in, bytes_out=bytes_out, facts=merged)
        )
        return found.rowcount == 1

    def add_facts(self, session_id: SessionId, facts: Mapping[str, Any]) -> None:
        """Add to what is known of it, whatever its state."""
        merged = self._merged_facts(session_id, facts)
        self.connection.execute(update(sessions).where(sessions.c.id == session_id).values(facts=merged))

    def search(self, query: SessionQuery) -> Sequence[SessionRecord]:
        """The newest first; a limit beyond the page is `Invalid`."""
        if not 1 <= query.limit <= PAGE_SESSIONS_MAX:
            raise Invalid(f"listing sessions: a page has 1 to {PAGE_SESSIONS_MAX} of them")
        statement = select(sessions)
        if query.user_id is not None:
            statement = statement.where(sessions.c.user_id == query.user_id)
        if query.node_id is not None:
            statement = statement.where(sessions.c.node_id == query.node_id)
        if query.live_only:
            statement = statement.where(_NOT_ENDED)
        if query.since is not None:
            statement = statement.where(sessions.c.opened >= query.since)
        if query.until is not None:
            statement = statement.where(sessions.c.opened < query.until)
        return self._many(statement.order_by(sessions.c.opened.desc(), sessions.c.id).limit(query.limit))

    def _merged_facts(self, session_id: SessionId, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        known = self.connection.execute(
            select(sessions.c.facts).where(sessions.c.id == session_id).with_for_update()
        ).scalar_one_or_none()
        return {**(known or {}), **facts}

    def _one(self, column: Column[Any], value: object) -> SessionRecord | None:
        row = row_with(self.connection, column, value)
        return None if row is None else _session(row)

    def _many(self, statement: Select[Any]) -> Sequence[SessionRecord]:
        return [_session(row) for row in self.connection.execute(statement)]


@dataclass(frozen=True, slots=True)
class SqlCuts:
    """`Cuts` of `authority.ports`."""

    connection: Connection

    def add(self, cut: SessionCut) -> None:
        """Keep an order for the gateway to fetch."""
        self.connection.execute(
            insert(session_cuts).values(
                epoch=cut.epoch,
                session_id=cut.session_id,
                gateway_id=cut.gateway_id,
                reason=cut.reason.value,
                message=cut.message,
            )
        )

    def after(self, gateway_id: GatewayId, epoch: int) -> Sequence[SessionCut]:
        """A gateway's orders beyond `epoch`, in order."""
        rows = self.connection.execute(
            select(session_cuts)
            .where(session_cuts.c.gateway_id == gateway_id, session_cuts.c.epoch > epoch)
            .order_by(session_cuts.c.epoch, session_cuts.c.session_id)
        )
        return [
            SessionCut(row.epoch, row.session_id, row.gateway_id, EndReason(row.reason), row.message) for row in rows
        ]


@dataclass(frozen=True, slots=True)
class SqlRevocation:
    """`Revocation` of `authority.ports`. SQLite has one writer at a time, so its locks are already there."""

    connection: Connection

    def read_for_open(self) -> int:
        """The epoch, which can not advance before this transaction ends."""
        return int(self.connection.execute(_EPOCH_FOR_OPEN).scalar_one())

    def advance(self) -> int:
        """The next epoch; waits for openers, and openers wait for this transaction."""
        statement = update(revocation).values(epoch=revocation.c.epoch + 1).returning(revocation.c.epoch)
        return int(self.connection.execute(statement).scalar_one())

    def current(self) -> int:
        """The epoch, without any promise."""
        return int(self.connection.execute(select(revocation.c.epoch)).scalar_one())


def _by_age(statement: Select[Any]) -> Select[Any]:
    return statement.order_by(sessions.c.opened, sessions.c.id)


def _session(row: Row[Any]) -> SessionRecord:
    values = {name: getattr(row, name) for name in _FIELDS}
    values["state"] = SessionState(row.state)
    values["end_reason"] = None if row.end_reason is None else EndReason(row.end_reason)
    return SessionRecord(**values)
