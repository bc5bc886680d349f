"""The table of declared things, on both engines."""

import asyncio
from dataclasses import replace
from functools import partial

import pytest
from tests.support.stored_values import NODE, NOW, USER

from doorward.authority.ports import StoredResource
from doorward.base.errors import Conflict
from doorward.stores.sql.store import SqlStore
from doorward.stores.sql.transaction import SqlTransaction

WEB = StoredResource("node", "web-01", NODE, 1, {"labels": {"env": "prod"}, "port": 22}, NOW)


def inserting(resource: StoredResource, tx: SqlTransaction) -> bool:
    return tx.resources.insert(resource)


async def test_a_resource_reads_as_it_was_stored(store: SqlStore) -> None:
    assert await store.write(partial(inserting, WEB))
    assert await store.read(lambda tx: tx.resources.get("node", "web-01")) == WEB
    assert await store.read(lambda tx: tx.resources.by_id("node", NODE)) == WEB
    assert await store.read(lambda tx: tx.resources.list("node")) == [WEB]


async def test_kinds_do_not_see_each_other(store: SqlStore) -> None:
    await store.write(partial(inserting, WEB))
    assert await store.read(lambda tx: tx.resources.get("role", "web-01")) is None
    assert await store.read(lambda tx: tx.resources.by_id("role", NODE)) is None
    assert await store.read(lambda tx: tx.resources.list("role")) == []
    assert await store.write(partial(inserting, replace(WEB, kind="role", id=USER)))


async def test_a_name_is_given_once_and_again_when_it_is_free(store: SqlStore) -> None:
    await store.write(partial(inserting, WEB))
    assert not await store.write(partial(inserting, replace(WEB, id=USER)))
    await store.write(lambda tx: tx.resources.delete("node", NODE, expected_revision=1))
    assert await store.write(partial(inserting, replace(WEB, id=USER)))


async def test_an_id_is_never_given_again(store: SqlStore) -> None:
    await store.write(partial(inserting, WEB))
    assert await store.write(lambda tx: tx.resources.delete("node", NODE, expected_revision=1))
    for again in (WEB, replace(WEB, name="other"), replace(WEB, kind="role")):
        with pytest.raises(Conflict):
            await store.write(partial(inserting, again))
    assert await store.read(lambda tx: tx.resources.by_id("node", NODE)) is None


async def test_a_stale_revision_changes_nothing(store: SqlStore) -> None:
    await store.write(partial(inserting, WEB))
    second = replace(WEB, revision=2, body={"port": 2222})
    assert await store.write(lambda tx: tx.resources.update(second, expected_revision=1))
    assert not await store.write(lambda tx: tx.resources.update(second, expected_revision=1))
    assert not await store.write(lambda tx: tx.resources.delete("node", NODE, expected_revision=1))
    assert not await store.write(lambda tx: tx.resources.delete("role", NODE, expected_revision=2))
    assert await store.read(lambda tx: tx.resources.get("node", "web-01")) == second


async def test_of_many_updates_from_one_revision_one_takes_effect(store: SqlStore) -> None:
    await store.write(partial(inserting, WEB))
    second = replace(WEB, revision=2)
    outcomes = await asyncio.gather(
        *(store.write(lambda tx: tx.resources.update(second, expected_revision=1)) for _ in range(8))
    )
    assert sorted(outcomes) == [False] * 7 + [True]


async def test_the_change_counter_grows_with_every_change_and_with_nothing_else(store: SqlStore) -> None:
    async def counter() -> int:
        return await store.read(lambda tx: tx.resources.change_counter())

    assert await counter() == 0
    await store.write(partial(inserting, WEB))
    assert await counter() == 1
    await store.write(partial(inserting, replace(WEB, id=USER)))
    await store.write(lambda tx: tx.resources.update(WEB, expected_revision=9))
    assert await counter() == 1
    await store.write(lambda tx: tx.resources.update(replace(WEB, revision=2), expected_revision=1))
    await store.write(lambda tx: tx.resources.delete("node", NODE, expected_revision=2))
    assert await counter() == 3


async def test_heads_are_what_a_list_finds_without_bodies(store: SqlStore) -> None:
    other = replace(WEB, id=USER, name="db-01")
    await store.write(partial(inserting, WEB))
    await store.write(partial(inserting, other))
    changed = replace(WEB, revision=2)
    assert await store.write(lambda tx: tx.resources.update(changed, expected_revision=1))
    assert await store.read(lambda tx: tx.resources.heads("node")) == [(USER, "db-01", 1), (NODE, "web-01", 2)]
    await store.write(lambda tx: tx.resources.delete("node", USER, expected_revision=1))
    assert await store.read(lambda tx: tx.resources.heads("node")) == [(NODE, "web-01", 2)]
    assert await store.read(lambda tx: tx.resources.heads("role")) == []
