"""Searching, verifying and erasing the stored log, on both engines."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from tests.support.audit_events import signed_in

from doorward.base.clock import ManualClock, from_micros
from doorward.base.entropy import SeededEntropy
from doorward.base.errors import Conflict
from doorward.base.ids import UserId, new_id
from doorward.domain.audit.event import SYSTEM, Actor, Event, event
from doorward.domain.audit.events_sessions import SESSION_ENDED, STREAM_OPENED
from doorward.domain.audit.log import LogQuery
from doorward.stores.sql.store import SqlStore
from doorward.stores.sql.tables_log import ID_COLUMNS

ALICE, BOB, NODE, SESSION = (new_id(SeededEntropy(seed)) for seed in range(4))


async def log(store: SqlStore, *events: Event) -> None:
    def work(tx: Any) -> None:
        for one in events:
            tx.events.append(one)

    await store.write(work)


async def story(store: SqlStore, clock: ManualClock) -> None:
    now = clock.now()
    await log(
        store,
        signed_in(ALICE),
        signed_in(BOB, name="bob", at_micros=2_000_000_000_000_000),
        event(STREAM_OPENED, now, SYSTEM, session=SESSION, node=NODE, user=ALICE, kind="exec", command="ls /root"),
        event(SESSION_ENDED, now, Actor.user(BOB), session=SESSION, node=NODE, user=ALICE, reason="dropped"),
    )


async def found(store: SqlStore, **query: Any) -> list[int]:
    return [entry.seq for entry in await store.search_log(LogQuery(**query))]


async def test_every_part_of_a_query_narrows(store: SqlStore, clock: ManualClock) -> None:
    await story(store, clock)
    assert await found(store) == [3, 2, 1, 0]
    assert await found(store, user_id=ALICE) == [3, 2, 0]
    assert await found(store, user_id=BOB) == [3, 1]
    assert await found(store, session_id=SESSION) == [3, 2]
    assert await found(store, node_id=NODE, types=("stream.opened",)) == [2]
    assert await found(store, since=from_micros(2_000_000_000_000_000)) == [1]
    assert await found(store, until=clock.now() + timedelta(seconds=1), user_id=BOB) == [3]
    assert await found(store, since=clock.now(), until=clock.now()) == []
    assert await found(store, user_id=new_id(SeededEntropy(99))) == []
    assert await found(store, resource_id=NODE) == []
    assert await found(store, before_seq=2, limit=1) == [1]


async def test_an_entry_reads_as_it_was_written(store: SqlStore, clock: ManualClock) -> None:
    await story(store, clock)
    entry = (await store.search_log(LogQuery(types=("stream.opened",))))[0]
    assert entry.code == "DW5101"
    assert entry.at == clock.now()
    assert entry.fields == {"kind": "exec", "command": "ls /root"}
    assert entry.subjects == {"node": NODE, "session": SESSION, "user": ALICE}
    assert (entry.actor_kind, entry.actor_id) == ("system", "")
    assert (await store.log_head()).last_at_micros == 2_000_000_000_000_000


async def test_an_erased_user_is_gone_and_the_log_still_verifies(store: SqlStore, clock: ManualClock) -> None:
    await story(store, clock)
    root = (await store.log_head()).root
    assert await store.write(lambda tx: tx.erase_user(UserId(ALICE))) == 2
    report = await store.verify_log()
    assert report.is_sound
    assert report.erased == 2
    assert report.root == root
    by_seq = {entry.seq: entry for entry in await store.search_log(LogQuery())}
    assert by_seq[0].fields == {"method": "password"}
    assert by_seq[0].erased == ("source", "user_name")
    assert by_seq[1].fields["user_name"] == "bob"


REFUSED = [
    *(f"UPDATE log_entries SET {column} = NULL WHERE seq = 0" for column in ("actor_id", "user_id")),
    "UPDATE log_entries SET leaf = '\\x00' WHERE seq = 0",
    "UPDATE log_entries SET seq = 9 WHERE seq = 0",
    "UPDATE log_entries SET at_micros = 0 WHERE seq = 0",
    "UPDATE log_entries SET type = 'x.y' WHERE seq = 0",
    "UPDATE log_entries SET sidecar = '{}' WHERE seq = 0",
    "DELETE FROM log_entries WHERE seq = 3",
    (
        "INSERT INTO log_entries SELECT 9, leaf, leaf_hash, at_micros, code, type, actor_id, user_id, person_id,"
        " node_id, session_id, sign_in_id, gateway_id, resource_id, sidecar FROM log_entries WHERE seq = 0"
    ),
    "UPDATE log_head SET size = size - 1",
    "DELETE FROM log_head",
]


@pytest.mark.parametrize("statement", REFUSED)
async def test_the_database_refuses_to_change_the_log(store: SqlStore, clock: ManualClock, statement: str) -> None:
    await story(store, clock)
    with pytest.raises(Conflict):
        await store.write(lambda tx: tx.connection.execute(text(statement)))
    assert (await store.verify_log()).is_sound


EDITS = {
    "leaf": "leaf = X'7B7D'",
    "leaf_hash": "leaf_hash = X'00'",
    "at_micros": "at_micros = at_micros + 1",
    "code": "code = 'DW9999'",
    "type": "type = 'x.y'",
    "sidecar": "sidecar = replace(sidecar, 'alice', 'mallory')",
    **{column: f"{column} = 'aaaaaaaaaaaaaaaaaaaaaaaaaa'" for column in ID_COLUMNS},
}


@pytest.mark.parametrize("column", EDITS)
async def test_an_edit_of_any_column_is_found(sqlite_store: SqlStore, clock: ManualClock, column: str) -> None:
    await story(sqlite_store, clock)
    await forge(sqlite_store, f"UPDATE log_entries SET {EDITS[column]} WHERE seq = 0")
    report = await sqlite_store.verify_log()
    assert not report.is_sound
    assert report.fault_seq == 0


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM log_entries WHERE seq = 3",
        "DELETE FROM log_entries WHERE seq = 1",
        "DELETE FROM log_entries",
        "UPDATE log_entries SET seq = 4 WHERE seq = 3",
        "UPDATE log_head SET size = 3",
        "UPDATE log_head SET root = X'00'",
        "UPDATE log_head SET frontier = X'00'",
        "DELETE FROM log_head",
    ],
)
async def test_a_shortened_or_forged_log_is_found(sqlite_store: SqlStore, clock: ManualClock, statement: str) -> None:
    await story(sqlite_store, clock)
    await forge(sqlite_store, statement)
    assert not (await sqlite_store.verify_log()).is_sound


async def test_a_log_cut_to_a_sound_shorter_one_is_found_by_a_checkpoint(store: SqlStore, clock: ManualClock) -> None:
    await log(store, signed_in(ALICE))
    root = (await store.log_head()).root
    assert not (await store.verify_log({2: root})).is_sound
    report = await store.verify_log({1: root})
    assert report.is_sound
    assert report.checkpoints == 1


async def test_a_checkpoint_kept_in_the_database_is_checked(store: SqlStore, clock: ManualClock) -> None:
    await story(store, clock)
    statement = text("INSERT INTO log_checkpoints (size, root, note, signed) VALUES (2, :root, 'x', 0)")
    await store.write(lambda tx: tx.connection.execute(statement, {"root": bytes(32)}))
    assert (await store.verify_log()).fault == "the root over the first 2 entries is not that of the checkpoint"


async def forge(store: SqlStore, statement: str) -> None:
    """What someone with the file can do: drop the triggers first."""

    def work(tx: Any) -> None:
        triggers = tx.connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
        for name in triggers:
            tx.connection.execute(text(f"DROP TRIGGER {name}"))
        tx.connection.execute(text(statement))

    await store.write(work)
