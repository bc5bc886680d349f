"""The database itself keeps a session's moves to `MOVES`, on both engines."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text, update
from tests.support.stored_values import DEADLINE, SESSION, SIGN_IN, session

from doorward.base.errors import Conflict
from doorward.domain.sessions.states import EndReason, SessionState, allowed_pairs
from doorward.stores.sql.store import SqlStore
from doorward.stores.sql.tables_sessions import sessions
from doorward.stores.sql.triggers import SESSION_FIXED_COLUMNS, trigger_statements

# How to come to each state by moves that are allowed.
WAYS = {"opening": [], "active": ["active"], "ending": ["ending"], "ended": ["ended"]}


async def in_state(store: SqlStore, state: str) -> None:
    def work(tx: Any) -> None:
        tx.sign_ins.add(SIGN_IN)
        assert tx.sessions.add(session())
        for step in WAYS[state]:
            tx.connection.execute(update(sessions).values(state=step))

    await store.write(work)


@pytest.mark.parametrize("before", WAYS)
async def test_a_session_moves_only_as_the_table_says(store: SqlStore, before: str) -> None:
    await in_state(store, before)
    for after in [*SessionState, "paused"]:

        def work(tx: Any, after: str = after) -> None:
            tx.connection.execute(update(sessions).values(state=str(after)))
            raise _UndoneError

        allowed = after == before or (before, after) in allowed_pairs()
        with pytest.raises(_UndoneError if allowed else Conflict):
            await store.write(work)


def executed(statement: Any, tx: Any) -> None:
    tx.connection.execute(statement)


class _UndoneError(Exception):
    """The statement passed; what it did is undone for the next one."""


@pytest.mark.parametrize("state", [SessionState.ACTIVE, SessionState.ENDING, SessionState.ENDED])
async def test_a_session_begins_as_opening(store: SqlStore, state: SessionState) -> None:
    def work(tx: Any) -> None:
        tx.sign_ins.add(SIGN_IN)
        tx.sessions.add(replace(session(), state=state))

    with pytest.raises(Conflict):
        await store.write(work)


@pytest.mark.parametrize("column", SESSION_FIXED_COLUMNS)
async def test_what_a_session_is_about_never_changes(store: SqlStore, column: str) -> None:
    await in_state(store, "active")
    forged: Any = {"epoch": 99, "proof_digest": b"x", "opened": DEADLINE + timedelta(1)}.get(column, "b" * 26)
    with pytest.raises(Conflict):
        await store.write(lambda tx: tx.connection.execute(update(sessions).values({column: forged})))
    kept = await store.read(lambda tx: tx.sessions.get(SESSION))
    assert kept == replace(session(), state=SessionState.ACTIVE)


async def test_the_first_reason_stands_against_the_database_too(store: SqlStore) -> None:
    await in_state(store, "opening")
    await store.write(lambda tx: tx.sessions.begin_end(SESSION, EndReason.LOCKED, "x"))
    for forged in ("closed", None):
        statement = update(sessions).values(end_reason=forged)
        with pytest.raises(Conflict):
            await store.write(partial(executed, statement))


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM sessions",
        "DELETE FROM resources",
        "UPDATE revocation SET epoch = epoch",
        "UPDATE revocation SET epoch = epoch - 1",
    ],
)
async def test_what_must_stay_is_not_removed(store: SqlStore, statement: str) -> None:
    await in_state(store, "active")
    await store.write(_with_a_resource)
    with pytest.raises(Conflict):
        await store.write(lambda tx: tx.connection.execute(text(statement)))


def _with_a_resource(tx: Any) -> None:
    tx.connection.execute(
        text(
            "INSERT INTO resources (id, kind, name, revision, body, updated, deleted)"
            " VALUES ('x', 'node', 'x', 1, '{}', 0, false)"
        )
    )


def test_both_engines_have_the_same_rules() -> None:
    def names(dialect: str) -> list[str]:
        return [one.split()[2] for one in trigger_statements(dialect) if one.startswith("CREATE TRIGGER")]

    assert names("sqlite") == names("postgresql")
    assert len(names("sqlite")) == 12
