"""The view of what is declared: always that of its own transaction, and shut when something stored does not load."""

import asyncio
from typing import Any

import pytest
from tests.support.authority_lab import ON_BOTH_ENGINES, OPS, AuthorityLab
from tests.support.proofs import asking

from doorward.authority import policy as module
from doorward.authority.callers import Peer
from doorward.authority.identify import Identifier
from doorward.authority.operations.reach import list_nodes
from doorward.authority.policy import UnknownSubject
from doorward.authority.ports import StoredResource
from doorward.base.errors import Refused
from doorward.base.ids import SignInId, UserId
from doorward.domain.kinds.registry import KINDS, load_body
from doorward.stores.sql.resources import SqlResources
from doorward.stores.sql.transaction import SqlTransaction

pytestmark = ON_BOTH_ENGINES


async def test_change_is_seen_at_once(lab: AuthorityLab) -> None:
    await lab.declare(OPS)
    assert "web" not in (await lab.read(lab.services.policy.view)).node_names
    await lab.node("web")
    assert "web" in (await lab.read(lab.services.policy.view)).node_names


async def test_nothing_changed_is_the_same_view(lab: AuthorityLab) -> None:
    await lab.declare(OPS)
    first = await lab.read(lab.services.policy.view)
    assert await lab.read(lab.services.policy.view) is first


async def test_change_parses_what_changed_only(lab: AuthorityLab, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        await lab.node(f"web-{number}")
    await lab.read(lab.services.policy.view)
    parsed: list[str] = []

    def counted(kind: str, body: Any) -> Any:
        parsed.append(body["metadata"]["name"])
        return load_body(kind, body)

    monkeypatch.setattr(module, "load_body", counted)
    await lab.node("web-3", {"env": "dev"})
    view = await lab.read(lab.services.policy.view)
    assert parsed == ["web-3"]
    assert view.targets[view.node_names["web-3"]].labels == {"env": "dev"}


async def test_uncommitted_changes_are_seen_in_their_own_transaction_only(lab: AuthorityLab) -> None:
    await lab.declare(OPS)

    def work(tx: SqlTransaction) -> None:
        row = tx.resources.get("role", "ops")
        assert row is not None
        body = {**row.body, "spec": {}}
        assert tx.resources.update(StoredResource("role", "ops", row.id, 2, body, tx.now), expected_revision=1)
        assert lab.services.policy.fresh(tx).roles["ops"].allow.matchers == {}
        raise RuntimeError("undo")

    with pytest.raises(RuntimeError, match="undo"):
        await lab.store.write(work)
    assert (await lab.read(lab.services.policy.view)).roles["ops"].allow.matchers


@pytest.mark.parametrize("kind", ["role", "user", "node", "lock"])
async def test_stored_thing_that_does_not_load_shuts_every_door(lab: AuthorityLab, kind: str) -> None:
    await lab.declare(OPS)
    await lab.node("prod-web-01", {"env": "prod"})
    bob = await lab.signed_in("bob", "ops")
    wanted = asking(lab, bob, "dwt-root@prod-web-01")
    broken = StoredResource(kind, "broken", "b" * 26, 1, {"kind": kind, "version": "v99"}, lab.clock.now())
    assert await lab.store.write(lambda tx: tx.resources.insert(broken))
    for call in (
        lab.ask(wanted),
        list_nodes(lab.services, bob.caller),
        Identifier(lab.services).user(Peer("192.0.2.7", bob.x509)),
    ):
        with pytest.raises(Refused, match="does not load any more"):
            await call
    assert await lab.read(lambda tx: list(tx.sessions.live())) == []


async def test_user_with_a_role_that_is_gone_may_do_nothing(lab: AuthorityLab) -> None:
    user_id = await lab.user("bob", "gone")
    view = await lab.read(lab.services.policy.view)
    with pytest.raises(UnknownSubject):
        view.prepared(user_id, SignInId(""))


async def test_unknown_and_disabled_users_are_nobody(lab: AuthorityLab) -> None:
    await lab.declare("kind: user\nversion: v1\nmetadata: {name: bob}\nspec: {disabled: true}\n")
    view = await lab.read(lab.services.policy.view)
    for user_id in (view.user_names["bob"], "a" * 26, ""):
        with pytest.raises(UnknownSubject):
            view.prepared(UserId(user_id), SignInId(""))


async def test_declared_role_never_replaces_a_built_in_one(lab: AuthorityLab) -> None:
    with pytest.raises(Refused):
        await _with_stored_role_named(lab, "admin")


async def _with_stored_role_named(lab: AuthorityLab, name: str) -> None:
    body = {"kind": "role", "version": "v8", "metadata": {"name": name}, "spec": {}}
    row = StoredResource("role", name, "c" * 26, 1, body, lab.clock.now())
    assert await lab.store.write(lambda tx: tx.resources.insert(row))
    await lab.read(lab.services.policy.view)


async def test_prepared_users_are_kept_and_bounded(lab: AuthorityLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PREPARED_MAX", 10)
    user_id = await lab.user("bob")
    view = await lab.read(lab.services.policy.view)
    assert view.prepared(user_id, SignInId("s")) is view.prepared(user_id, SignInId("s"))
    for number in range(100):
        view.prepared(user_id, SignInId(f"s{number}"))
        assert len(view._prepared) <= 10


async def test_readers_and_writers_at_once_each_see_their_own(lab: AuthorityLab) -> None:
    def counted(tx: SqlTransaction) -> tuple[int, int]:
        view = lab.services.policy.view(tx)
        return len(view.node_names), len(tx.resources.list("node"))

    writes = [asyncio.create_task(lab.node(f"web-{number}")) for number in range(15)]
    reads = [asyncio.create_task(lab.read(counted)) for _ in range(60)]
    for seen in await asyncio.gather(*reads):
        assert seen[0] == seen[1]
    await asyncio.gather(*writes)


async def test_herd_after_a_change_reads_it_once(lab: AuthorityLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also: none of them stops the others while it reads, whatever the units of work run in."""
    for number in range(5):
        await lab.node(f"web-{number}")
    listed: list[str] = []
    heads = SqlResources.heads

    def counted(resources: SqlResources, kind: str) -> Any:
        listed.append(kind)
        return heads(resources, kind)

    monkeypatch.setattr(SqlResources, "heads", counted)
    await lab.node("web-1", {"env": "dev"})
    async with asyncio.timeout(10):
        views = await asyncio.gather(*(lab.read(lab.services.policy.view) for _ in range(40)))
    assert all(one is views[0] for one in views)
    assert sorted(listed) == sorted(KINDS)


async def test_view_torn_by_a_change_between_two_statements_is_read_again(lab: AuthorityLab) -> None:
    """PostgreSQL's writing transactions see what others commit meanwhile; half of a change must not be kept."""
    for number in range(3):
        await lab.node(f"web-{number}")

    class Torn:
        """Between the list and the rest of the first reading, a node goes and another comes."""

        def __init__(self, inner: SqlTransaction) -> None:
            self.inner = inner
            self.turn = inner.turn
            self.resources = self
            self.changed = False

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner.resources, name)

        def heads(self, kind: str) -> Any:
            found = self.inner.resources.heads(kind)
            if kind == "node" and not self.changed:
                self.changed = True
                gone = found[1]
                assert self.inner.resources.delete("node", gone.id, expected_revision=gone.revision)
            return found

    def work(tx: SqlTransaction) -> tuple[set[str], int]:
        view = lab.services.policy.view(Torn(tx))
        return set(view.node_names), view.counter - tx.resources.change_counter()

    assert await lab.store.write(work) == ({"web-0", "web-2"}, 0)
