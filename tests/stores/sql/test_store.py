"""What `Store` promises, on both engines."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.audit_events import signed_in

from doorward.authority.ports import AuditLog, Store, StoredResource
from doorward.base.clock import ManualClock
from doorward.base.entropy import SeededEntropy
from doorward.base.errors import Conflict, Missing
from doorward.base.ids import InstallationId, UserId, new_id
from doorward.domain.audit.canonical import NotCanonical
from doorward.domain.audit.log import LogQuery
from doorward.stores.sql.installation import AlreadyInstalled, NotInstalled, OtherInstallation
from doorward.stores.sql.log_append import ReadOnly
from doorward.stores.sql.sqlite_store import open_sqlite
from doorward.stores.sql.store import SqlStore
from doorward.stores.sql.transaction import SqlTransaction

IDS = [new_id(SeededEntropy(seed)) for seed in range(40)]
USER = UserId(IDS[0])


class Mishap(Exception):
    """Raised by a unit of work."""


def resource(number: int, tx: SqlTransaction) -> StoredResource:
    return StoredResource("node", f"web-{number}", IDS[number], 1, {"a": number}, tx.now)


def adding(
    number: int, *, events: int = 1, fails: bool = False, name: str = "alice"
) -> Callable[[SqlTransaction], int]:
    def work(tx: SqlTransaction) -> int:
        assert tx.resources.insert(resource(number, tx))
        for _ in range(events):
            tx.events.append(signed_in(USER, name=name))
        if fails:
            raise Mishap
        return number

    return work


async def entries(store: SqlStore) -> int:
    report = await store.verify_log()
    assert report.is_sound, report
    assert report.entries == (await store.log_head()).size
    return report.entries


async def names(store: SqlStore) -> list[str]:
    return [one.name for one in await store.read(lambda tx: tx.resources.list("node"))]


async def test_it_is_a_store(store: SqlStore) -> None:
    port: Store = store
    log: AuditLog = store
    assert (await log.verify_log()).entries == 0
    assert await port.read(lambda tx: tx.revocation.current()) == 0


async def test_state_and_events_live_together(store: SqlStore) -> None:
    assert await store.write(adding(1, events=3)) == 1
    assert await names(store) == ["web-1"]
    assert await entries(store) == 3


async def test_state_and_events_die_together(store: SqlStore) -> None:
    with pytest.raises(Mishap):
        await store.write(adding(1, fails=True))
    assert await names(store) == []
    assert await entries(store) == 0


async def test_one_failure_undoes_nothing_of_those_committed_with_it(store: SqlStore) -> None:
    outcomes = await asyncio.gather(
        *(store.write(adding(number, fails=number % 3 == 0)) for number in range(30)), return_exceptions=True
    )
    good = [number for number in range(30) if number % 3]
    assert [outcome for outcome in outcomes if not isinstance(outcome, BaseException)] == good
    assert all(isinstance(outcomes[number], Mishap) for number in range(0, 30, 3))
    assert sorted(await names(store)) == sorted(f"web-{number}" for number in good)
    assert await entries(store) == len(good)


async def test_an_event_without_a_form_fails_its_own_work_only(store: SqlStore) -> None:
    works = [adding(1), adding(2, name="\ud800")]
    outcomes = await asyncio.gather(*(store.write(work) for work in works), return_exceptions=True)
    assert outcomes[0] == 1
    assert isinstance(outcomes[1], NotCanonical)
    assert await names(store) == ["web-1"]
    assert await entries(store) == 1


async def test_a_broken_rule_of_the_database_is_a_conflict_and_undoes_its_work(store: SqlStore) -> None:
    await store.write(adding(1))

    def twice(tx: SqlTransaction) -> None:
        tx.events.append(signed_in(USER))
        tx.resources.insert(StoredResource("node", "other", IDS[1], 1, {}, tx.now))

    with pytest.raises(Conflict):
        await store.write(twice)
    assert await entries(store) == 1


async def test_reading_can_not_write(store: SqlStore) -> None:
    with pytest.raises(ReadOnly):
        await store.read(lambda tx: tx.events.append(signed_in(USER)))
    for work in (lambda tx: tx.resources.insert(resource(1, tx)), lambda tx: tx.revocation.advance()):
        with pytest.raises(Exception):  # noqa: B017  (each engine says it in its own way)
            await store.read(work)
    assert await names(store) == []
    assert await store.read(lambda tx: tx.revocation.current()) == 0


async def test_what_was_written_is_read_at_once(store: SqlStore) -> None:
    for number in range(10):
        await store.write(adding(number))
        assert len(await names(store)) == number + 1


async def test_a_work_has_one_instant(store: SqlStore, clock: ManualClock) -> None:
    assert await store.write(lambda tx: tx.now) == clock.now()
    assert await store.read(lambda tx: tx.now) == clock.now()


async def test_works_that_only_log_are_numbered_like_any_other(store: SqlStore) -> None:
    await asyncio.gather(
        *(store.write(lambda tx: tx.events.append(signed_in(USER))) for _ in range(50)),
        *(store.write(adding(number, events=2)) for number in range(20)),
    )
    assert await entries(store) == 90
    found = await store.search_log(LogQuery(limit=1000))
    assert [entry.seq for entry in found] == list(range(89, -1, -1))


async def test_a_cancelled_caller_leaves_the_store_usable(store: SqlStore) -> None:
    task = asyncio.create_task(store.write(adding(1)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await store.write(adding(2))
    assert "web-2" in await names(store)
    await entries(store)


@given(plan=st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=12))
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_interleaving_keeps_what_succeeded_and_nothing_else(
    plan: list[tuple[int, bool]], tmp_path_factory: pytest.TempPathFactory
) -> None:

    async def story() -> None:
        path = tmp_path_factory.mktemp("story") / "doorward.db"
        opened = await open_sqlite(path, ManualClock(), SeededEntropy(1))
        outcomes = await asyncio.gather(
            *(opened.write(adding(at, events=count, fails=fails)) for at, (count, fails) in enumerate(plan)),
            return_exceptions=True,
        )
        good = [at for at, (_, fails) in enumerate(plan) if not fails]
        assert [one for one in outcomes if not isinstance(one, Mishap)] == good
        assert sorted(await names(opened)) == sorted(f"web-{at}" for at in good)
        assert await entries(opened) == sum(plan[at][0] for at in good)
        await opened.close()

    asyncio.run(story())


async def test_the_installation_id_is_given_once_and_checked(store: SqlStore) -> None:
    ours, other = InstallationId(IDS[1]), InstallationId(IDS[2])
    with pytest.raises(NotInstalled):
        await store.installation_id()
    await store.create_installation(ours)
    await store.check_installation(ours)
    assert await store.installation_id() == ours
    with pytest.raises(AlreadyInstalled):
        await store.create_installation(other)
    with pytest.raises(OtherInstallation):
        await store.check_installation(other)
    assert issubclass(NotInstalled, Missing)
