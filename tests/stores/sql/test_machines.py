"""Gateways, join tokens, host keys and recordings, on both engines."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.support.stored_values import GATEWAY, NODE, NOW, SESSION, SIGN_IN, session

from doorward.authority.ports import RecordingRow
from doorward.base.errors import Conflict, Invalid
from doorward.base.ids import GatewayId, NodeId
from doorward.domain.identity.machines import Gateway, HostVerification, JoinToken, NodeHost, TokenKind
from doorward.stores.sql.store import SqlStore

FIRST = Gateway(GATEWAY, "gw-1", ("gw.example", "192.0.2.1"), NOW, "0a0b", scope={"env": ("prod", "dev")})
TOKEN = JoinToken(
    b"t" * 32, TokenKind.GATEWAY, "gw-1", "", NOW + timedelta(minutes=10), "operator", scope={"team": ("",)}
)
HOST = NodeHost(NODE, "SHA256:abc", b"\x00\x00blob", HostVerification.TOKEN, NOW, "setup")


async def test_a_gateway_reads_as_it_was_stored_and_its_name_is_given_once(store: SqlStore) -> None:
    assert await store.write(lambda tx: tx.gateways.add(FIRST))
    assert not await store.write(lambda tx: tx.gateways.add(replace(FIRST, id=GatewayId("g" * 26))))
    assert await store.read(lambda tx: tx.gateways.get(GATEWAY)) == FIRST
    assert await store.read(lambda tx: tx.gateways.list()) == [FIRST]
    assert await store.read(lambda tx: tx.gateways.get(GatewayId("g" * 26))) is None


async def test_a_lease_is_renewed_and_taken_away(store: SqlStore) -> None:
    await store.write(lambda tx: tx.gateways.add(FIRST))
    for until in (NOW, NOW + timedelta(seconds=10), None):
        await store.write(lambda tx, to=until: tx.gateways.renew_lease(GATEWAY, to))  # type: ignore[misc]
        assert await store.read(lambda tx: tx.gateways.get(GATEWAY)) == replace(FIRST, lease_until=until)


async def test_a_gateway_that_joins_anew_has_a_new_certificate(store: SqlStore) -> None:
    await store.write(lambda tx: tx.gateways.add(FIRST))
    await store.write(lambda tx: tx.gateways.rebind(GATEWAY, "0c", ["other.example"]))
    expected = replace(FIRST, x509_serial="0c", names=("other.example",))
    assert await store.read(lambda tx: tx.gateways.get(GATEWAY)) == expected


async def test_an_earlier_certificate_is_kept_beside_the_new_one_until_it_ends(store: SqlStore) -> None:
    await store.write(lambda tx: tx.gateways.add(FIRST))
    await store.write(lambda tx: tx.gateways.rebind(GATEWAY, "0c", FIRST.names, previous="0a0b"))
    renewed = replace(FIRST, x509_serial="0c", previous_serial="0a0b")
    assert await store.read(lambda tx: tx.gateways.get(GATEWAY)) == renewed
    await store.write(lambda tx: tx.gateways.let_previous_end(GATEWAY, NOW))
    assert await store.read(lambda tx: tx.gateways.get(GATEWAY)) == replace(renewed, previous_until=NOW)


async def test_a_removed_gateway_stays_under_its_id_and_frees_its_name(store: SqlStore) -> None:
    await store.write(lambda tx: tx.gateways.add(FIRST))
    await store.write(lambda tx: tx.gateways.disable(GATEWAY))
    assert await store.read(lambda tx: tx.gateways.get(GATEWAY)) == replace(FIRST, disabled=True)
    await store.write(lambda tx: tx.gateways.remove(GATEWAY, NOW))
    assert await store.read(lambda tx: tx.gateways.list()) == []
    gone = replace(FIRST, name=GATEWAY, names=(), disabled=True, removed=NOW)
    assert await store.read(lambda tx: tx.gateways.with_removed()) == [gone]
    assert await store.write(lambda tx: tx.gateways.add(replace(FIRST, id=GatewayId("g" * 26))))


async def test_a_join_token_is_spent_once_before_it_expires(store: SqlStore) -> None:
    await store.write(lambda tx: tx.join_tokens.add(TOKEN))
    assert await store.read(lambda tx: tx.join_tokens.get(TOKEN.token_hash)) == TOKEN
    assert not await store.write(lambda tx: tx.join_tokens.spend(TOKEN.token_hash, TOKEN.expires, "key"))
    assert not await store.write(lambda tx: tx.join_tokens.spend(b"x" * 32, NOW, "key"))
    outcomes = await asyncio.gather(
        *(store.write(lambda tx: tx.join_tokens.spend(TOKEN.token_hash, NOW, "key")) for _ in range(6))
    )
    assert sorted(outcomes) == [False] * 5 + [True]
    spent = replace(TOKEN, used=NOW, bound_key="key")
    assert await store.read(lambda tx: tx.join_tokens.get(TOKEN.token_hash)) == spent


async def test_a_host_key_is_set_replaced_and_removed(store: SqlStore) -> None:
    other = NodeHost(NodeId("z" * 26), "SHA256:z", b"", HostVerification.FINGERPRINT, NOW, "bob")
    await store.write(lambda tx: tx.node_hosts.put(other))
    for host in (HOST, replace(HOST, host_key=b"new", verifier="bob")):
        await store.write(lambda tx, one=host: tx.node_hosts.put(one))  # type: ignore[misc]
        assert await store.read(lambda tx: tx.node_hosts.get(NODE)) == host
    assert len(await store.read(lambda tx: tx.node_hosts.list())) == 2
    assert await store.read(lambda tx: tx.node_hosts.verified()) == {NODE, other.node_id}
    await store.write(lambda tx: tx.node_hosts.delete(NODE))
    assert await store.read(lambda tx: tx.node_hosts.get(NODE)) is None
    assert await store.read(lambda tx: tx.node_hosts.list()) == [other]


async def recorded(store: SqlStore) -> RecordingRow:
    row = RecordingRow(SESSION, NOW)

    def work(tx: Any) -> None:
        tx.sign_ins.add(SIGN_IN)
        tx.sessions.add(session())
        tx.recordings.add(row)

    await store.write(work)
    return row


async def test_a_recording_grows_until_it_is_sealed(store: SqlStore) -> None:
    row = await recorded(store)
    for size in (10, 5):
        await store.write(lambda tx, to=size: tx.recordings.grow(SESSION, to))  # type: ignore[misc]
    assert await store.read(lambda tx: tx.recordings.get(SESSION)) == replace(row, size_bytes=10)
    manifest = {"parts": [1, 2], "digest": "ab"}
    sealing = [store.write(lambda tx: tx.recordings.seal(SESSION, NOW, b"d" * 32, manifest, b"sig")) for _ in range(4)]
    assert sorted(await asyncio.gather(*sealing)) == [False] * 3 + [True]
    await store.write(lambda tx: tx.recordings.grow(SESSION, 99))
    sealed = replace(row, size_bytes=10, sealed=NOW, digest=b"d" * 32, manifest=manifest, signature=b"sig")
    assert await store.read(lambda tx: tx.recordings.get(SESSION)) == sealed
    assert await store.read(lambda tx: tx.recordings.list(10)) == [sealed]


async def test_a_recording_belongs_to_a_session(store: SqlStore) -> None:
    with pytest.raises(Conflict):
        await store.write(lambda tx: tx.recordings.add(RecordingRow(SESSION, NOW)))
    for limit in (0, 1001):
        with pytest.raises(Invalid):
            await store.read(lambda tx, most=limit: tx.recordings.list(most))  # type: ignore[misc]
