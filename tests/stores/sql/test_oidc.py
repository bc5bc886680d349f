"""Identity links, flows, sign-ins on a provider's word and spent log-outs, on both engines."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support.stored_values import NOW, OTHER_USER, SIGN_IN, SIGN_IN_ID, USER

from doorward.base.errors import Conflict
from doorward.base.ids import SignInId
from doorward.domain.identity.oidc_flow import FlowKind, OidcFlow
from doorward.domain.identity.oidc_sign_in import OidcSignIn
from doorward.domain.identity.sign_in import SignInEnd
from doorward.stores.sql.store import SqlStore

ISSUER = "https://id.example"
SOON = NOW + timedelta(hours=1)
LATER = NOW + timedelta(hours=2)
FLOW = OidcFlow(
    id="f" * 26,
    kind=FlowKind.DEVICE,
    connector_id="c" * 26,
    issuer=ISSUER,
    secret_hash=b"h" * 32,
    nonce="n",
    challenge="c",
    redirect_uri="http://127.0.0.1:1/callback",
    ssh_key=b"\x00s",
    x509_key=b"\x00x",
    client="laptop",
    source="192.0.2.7",
    network="192.0.2.0/24",
    created=NOW,
    expires=NOW + timedelta(minutes=5),
    sealed=b"\x00\xff",
)
ROW = OidcSignIn(SIGN_IN_ID, USER, "c" * 26, ISSUER, "u1", "s1", NOW, SOON, LATER)


async def put(store: SqlStore, row: OidcSignIn = ROW, serial: int = 7) -> None:
    sign_in = replace(SIGN_IN, id=row.sign_in_id, ssh_serial=serial)
    await store.write(lambda tx: tx.sign_ins.add(sign_in))
    await store.write(lambda tx: tx.oidc_sign_ins.add(row))


async def test_an_identity_is_linked_once_and_moved_from_the_user_that_it_was_of(store: SqlStore) -> None:
    assert await store.read(lambda tx: tx.identity_links.user_of(ISSUER, "u1")) is None
    await store.write(lambda tx: tx.identity_links.add(ISSUER, "u1", USER))
    with pytest.raises(Conflict):
        await store.write(lambda tx: tx.identity_links.add(ISSUER, "u1", OTHER_USER))
    assert not await store.write(lambda tx: tx.identity_links.move(ISSUER, "u1", OTHER_USER, OTHER_USER))
    assert await store.read(lambda tx: tx.identity_links.user_of(ISSUER, "u1")) == USER
    assert await store.write(lambda tx: tx.identity_links.move(ISSUER, "u1", OTHER_USER, USER))
    assert await store.read(
        lambda tx: (tx.identity_links.is_linked(USER), tx.identity_links.is_linked(OTHER_USER))
    ) == (
        False,
        True,
    )


async def test_the_same_subject_at_another_issuer_is_somebody_else(store: SqlStore) -> None:
    await store.write(lambda tx: tx.identity_links.add(ISSUER, "u1", USER))
    for issuer, sub in (("https://other.example", "u1"), (ISSUER, "U1"), (ISSUER + "/", "u1")):
        assert await store.read(lambda tx, i=issuer, s=sub: tx.identity_links.user_of(i, s)) is None  # type: ignore[misc]


async def test_a_flow_comes_back_as_it_went_and_is_spent_once(store: SqlStore) -> None:
    await store.write(lambda tx: tx.oidc_flows.add(FLOW))
    assert await store.read(lambda tx: tx.oidc_flows.get(FLOW.id)) == FLOW
    assert await store.read(lambda tx: tx.oidc_flows.get("x" * 26)) is None
    async with asyncio.TaskGroup() as group:
        tries = [group.create_task(store.write(lambda tx: tx.oidc_flows.spend(FLOW.id, NOW))) for _ in range(6)]
    assert sorted(one.result() for one in tries) == [False] * 5 + [True]
    assert await store.read(lambda tx: tx.oidc_flows.get(FLOW.id)) == replace(FLOW, used=NOW)


async def test_a_flow_that_expired_is_not_spent_and_forgotten(store: SqlStore) -> None:
    await store.write(lambda tx: tx.oidc_flows.add(FLOW))
    assert not await store.write(lambda tx: tx.oidc_flows.spend(FLOW.id, FLOW.expires))
    assert await store.write(lambda tx: tx.oidc_flows.forget(FLOW.expires - timedelta(seconds=1))) == 0
    assert await store.write(lambda tx: tx.oidc_flows.forget(FLOW.expires)) == 1


async def test_flows_are_counted_by_network(store: SqlStore) -> None:
    for number, network in enumerate(("a", "a", "b")):
        flow = replace(FLOW, id=str(number) * 26, network=network)
        await store.write(lambda tx, one=flow: tx.oidc_flows.add(one))  # type: ignore[misc]
    counts = await store.read(lambda tx: [tx.oidc_flows.open_count(each) for each in ("a", "b", "c", None)])
    assert counts == [2, 1, 0, 3]


async def test_sign_ins_are_found_by_what_a_provider_names_while_they_live(store: SqlStore) -> None:
    other = replace(ROW, sign_in_id=SignInId("o" * 26), sid="s2")
    await put(store)
    await put(store, other, serial=8)

    async def found(issuer: str, sub: str, sid: str) -> set[str]:
        return {one.sign_in_id for one in await store.read(lambda tx: tx.oidc_sign_ins.live_of(issuer, sub, sid, NOW))}

    both = {ROW.sign_in_id, other.sign_in_id}
    assert await found(ISSUER, "u1", "") == both
    assert await found(ISSUER, "", "s2") == {other.sign_in_id}
    assert await found(ISSUER, "u1", "s1") == {ROW.sign_in_id}
    for issuer, sub, sid in ((ISSUER, "", ""), (ISSUER, "u2", "s1"), ("https://other.example", "u1", "")):
        assert await found(issuer, sub, sid) == set()
    await store.write(lambda tx: tx.sign_ins.end(ROW.sign_in_id, SignInEnd.SIGNED_OUT, NOW))
    assert await found(ISSUER, "u1", "") == {other.sign_in_id}


async def test_claims_fall_due_and_grow_too_old_until_they_are_heard_again(store: SqlStore) -> None:
    await put(store)

    async def times(at: timedelta) -> tuple[int, int]:
        now = NOW + at
        return await store.read(lambda tx: (len(tx.oidc_sign_ins.due(now)), len(tx.oidc_sign_ins.too_old(now))))

    hour = timedelta(hours=1)
    assert [await times(hour * count) for count in (0, 1, 2)] == [(0, 0), (1, 0), (1, 1)]
    await store.write(lambda tx: tx.oidc_sign_ins.checked(ROW.sign_in_id, SOON, LATER, LATER + hour))
    assert await times(hour) == (0, 0)
    found = await store.read(lambda tx: tx.oidc_sign_ins.get(ROW.sign_in_id))
    assert found == replace(ROW, checked=SOON, due=LATER, too_old=LATER + hour)
    assert await times(hour * 9) == (0, 0)  # over by itself


async def test_a_row_stands_on_a_sign_in(store: SqlStore) -> None:
    with pytest.raises(Conflict):
        await store.write(lambda tx: tx.oidc_sign_ins.add(ROW))


async def test_a_log_out_is_spent_once_until_it_is_forgotten(store: SqlStore) -> None:
    async with asyncio.TaskGroup() as group:
        tries = [
            group.create_task(store.write(lambda tx: tx.oidc_sign_ins.spend_logout(b"j" * 32, SOON))) for _ in range(6)
        ]
    assert sorted(one.result() for one in tries) == [False] * 5 + [True]
    assert await store.write(lambda tx: tx.oidc_sign_ins.forget_logouts(NOW)) == 0
    assert await store.write(lambda tx: tx.oidc_sign_ins.forget_logouts(SOON)) == 1
    assert await store.write(lambda tx: tx.oidc_sign_ins.spend_logout(b"j" * 32, LATER))
