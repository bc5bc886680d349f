"""Leases and the watch: how gateways and authority stay in contact, and what each learns of the other."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support.authority_lab import OPS, AuthorityLab, LabSignIn
from tests.support.proofs import open_as

from doorward.api.bodies.gateway_calls import Lease, RenewLease, WatchMessage
from doorward.authority.operations.contact import gateway_trust, renew_lease, watch
from doorward.authority.operations.threshold import TooManySessions
from doorward.authority.splice_keys import SpliceKeys
from doorward.base.errors import Missing
from doorward.base.ids import GatewayId
from doorward.domain.sessions.states import EndReason, SessionState

WHERE = "dwt-root@prod-web-01"
LOCK = "kind: lock\nversion: v1\nmetadata: {name: stop}\nspec: {target: {user: bob}, message: incident 7}\n"


@pytest.fixture
async def bob(lab: AuthorityLab) -> LabSignIn:
    await lab.declare(OPS)
    await lab.node("prod-web-01", {"env": "prod"})
    return await lab.signed_in("bob", "ops")


async def renew(lab: AuthorityLab, *live: str) -> Lease:
    return await renew_lease(lab.services, lab.gateway, RenewLease(list(live)))


async def next_of(messages: AsyncIterator[WatchMessage]) -> WatchMessage:
    async with asyncio.timeout(5):
        return await anext(messages)


async def test_trust_holds_the_key_that_proves_what_is_passed_on(lab: AuthorityLab) -> None:
    services = replace(lab.services, splice_keys=SpliceKeys(b"k" * 32))
    told = await gateway_trust(services, lab.gateway)
    key = services.splice_keys.of(lab.gateway.gateway_id, services.clock.now())
    assert (told.splice_key, told.splice_key_name) == (key.key, key.name)


async def test_trust_names_what_users_are_checked_against(lab: AuthorityLab) -> None:
    trust = await gateway_trust(lab.services, lab.gateway)
    assert trust.user_authorities == list(lab.services.keys.user_ssh)
    assert (trust.gateway_id, trust.names) == (lab.gateway.gateway_id, ["gw.example"])


async def test_lease_lasts_ten_seconds_from_now(lab: AuthorityLab) -> None:
    lease = await renew(lab)
    assert lease.remaining_seconds == 10
    row = await lab.read(lambda tx: tx.gateways.get(lab.gateway.gateway_id))
    assert row is not None
    assert row.lease_until == lab.clock.now() + timedelta(seconds=10)


async def test_lease_says_the_epoch(lab: AuthorityLab) -> None:
    await lab.store.write(lambda tx: tx.revocation.advance())
    assert (await renew(lab)).epoch == await lab.epoch()


async def test_gateway_that_is_back_is_noted_with_how_long_it_was_away(lab: AuthorityLab) -> None:
    await renew(lab)
    lab.advance(seconds=25)
    await renew(lab)
    await renew(lab)
    assert [one.fields["lost_seconds"] for one in await lab.events("gateway.lease_regained")] == [15]


async def test_session_that_the_authority_holds_ended_is_told_as_unknown(lab: AuthorityLab, bob: LabSignIn) -> None:
    plan, over = await open_as(lab, bob, WHERE), await open_as(lab, bob, WHERE)
    await lab.end(over.session_id)
    other = await lab.add_gateway("other", "other.example")
    lease = await renew(lab, plan.session_id, over.session_id, "no id at all")
    assert lease.unknown == sorted([over.session_id, "no id at all"])
    theirs = await renew_lease(lab.services, other, RenewLease([plan.session_id]))
    assert theirs.unknown == [plan.session_id]


async def test_session_that_its_gateway_has_no_more_is_over(lab: AuthorityLab, bob: LabSignIn) -> None:
    plan = await open_as(lab, bob, WHERE)
    await lab.start(plan.session_id)
    lab.advance(seconds=14)
    await renew(lab)
    assert (await lab.session(plan.session_id)).state is SessionState.ACTIVE
    lab.advance(seconds=1)
    await renew(lab)
    row = await lab.session(plan.session_id)
    assert (row.state, row.end_reason) == (SessionState.ENDED, EndReason.GATEWAY_LOST)
    (noted,) = await lab.events("session.ended")
    assert noted.fields["how"] == "not on its gateway any more"


async def test_session_that_opens_is_not_missed_yet(lab: AuthorityLab, bob: LabSignIn) -> None:
    plan = await open_as(lab, bob, WHERE)
    lab.advance(seconds=14)
    await renew(lab)
    assert (await lab.session(plan.session_id)).state is SessionState.OPENING


async def test_session_that_opens_for_long_and_is_on_its_gateway_goes_on(lab: AuthorityLab, bob: LabSignIn) -> None:
    plan = await open_as(lab, bob, WHERE)
    lab.advance(seconds=60)
    await renew(lab, plan.session_id)
    assert (await lab.session(plan.session_id)).state is SessionState.OPENING


async def test_session_that_its_gateway_never_heard_of_does_not_count_for_long(
    lab: AuthorityLab, bob: LabSignIn
) -> None:
    await lab.declare(OPS + "  options: {max_connections: 1}\n")
    plan = await open_as(lab, bob, WHERE)
    with pytest.raises(TooManySessions):
        await open_as(lab, bob, WHERE)
    lab.advance(seconds=15)
    await renew(lab)
    row = await lab.session(plan.session_id)
    assert (row.state, row.end_reason) == (SessionState.ENDED, EndReason.GATEWAY_LOST)
    assert [one.fields["how"] for one in await lab.events("session.ended")] == ["never on its gateway"]
    await open_as(lab, bob, WHERE)
    assert (await renew(lab, plan.session_id)).unknown == [plan.session_id]


async def test_cut_session_is_over_when_its_gateway_has_it_no_more(lab: AuthorityLab, bob: LabSignIn) -> None:
    plan = await open_as(lab, bob, WHERE)
    await lab.start(plan.session_id)
    ada = await lab.signed_in("ada", "admin")
    await lab.apply(ada, LOCK)
    lab.advance(seconds=15)
    await renew(lab)
    row = await lab.session(plan.session_id)
    assert (row.state, row.end_reason) == (SessionState.ENDED, EndReason.LOCKED)


async def test_disabled_or_unknown_gateway_gets_no_lease_and_no_watch(lab: AuthorityLab) -> None:
    unknown = replace(lab.gateway, gateway_id=GatewayId("a" * 26))
    with pytest.raises(Missing):
        await renew_lease(lab.services, unknown, RenewLease([]))
    with pytest.raises(Missing):
        await next_of(watch(lab.services, unknown, 0))


class TestWatch:
    async def test_speaks_at_once(self, lab: AuthorityLab) -> None:
        assert await next_of(watch(lab.services, lab.gateway, 0)) == WatchMessage(0, [], lab.services.keys.trust)

    async def test_tells_what_was_cut_before_it_began(self, lab: AuthorityLab, bob: LabSignIn) -> None:
        plan = await open_as(lab, bob, WHERE)
        await lab.apply(await lab.signed_in("ada", "admin"), LOCK)
        message = await next_of(watch(lab.services, lab.gateway, plan.epoch))
        (cut,) = message.cuts
        assert (cut.session_id, cut.reason, cut.message) == (plan.session_id, "locked", "locked: incident 7")
        assert message.epoch == cut.epoch

    async def test_tells_a_cut_as_soon_as_the_bell_rings(self, lab: AuthorityLab, bob: LabSignIn) -> None:
        plan = await open_as(lab, bob, WHERE)
        ada = await lab.signed_in("ada", "admin")
        messages = watch(lab.services, lab.gateway, 0)
        await next_of(messages)
        waiting = asyncio.create_task(next_of(messages))
        await asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        await lab.apply(ada, LOCK)
        committed = loop.time()
        message = await waiting
        assert loop.time() - committed < 0.4  # well before the next look without a bell
        assert [one.session_id for one in message.cuts] == [plan.session_id]

    async def test_tells_each_cut_once_and_never_an_older_epoch(self, lab: AuthorityLab, bob: LabSignIn) -> None:
        ada = await lab.signed_in("ada", "admin")
        plan = await open_as(lab, bob, WHERE)
        await lab.apply(ada, LOCK)
        messages = watch(lab.services, lab.gateway, 0)
        told = [await next_of(messages)]
        lab.advance(seconds=1)
        told.append(await next_of(messages))
        assert [one.session_id for message in told for one in message.cuts] == [plan.session_id]
        assert [one.epoch for one in told] == sorted(one.epoch for one in told)

    async def test_beats_each_second(self, lab: AuthorityLab) -> None:
        messages = watch(lab.services, lab.gateway, 0)
        await next_of(messages)
        lab.advance(seconds=1)
        assert await next_of(messages) == WatchMessage(0, [], lab.services.keys.trust)

    async def test_another_gateways_cuts_are_not_told(self, lab: AuthorityLab, bob: LabSignIn) -> None:
        other = await lab.add_gateway("other", "other.example")
        await open_as(lab, bob, WHERE)
        await lab.apply(await lab.signed_in("ada", "admin"), LOCK)
        message = await next_of(watch(lab.services, other, 0))
        assert message.cuts == []
        assert message.epoch == await lab.epoch()

    @pytest.mark.parametrize("after", [10**6, 2**70, -5])
    async def test_epoch_that_never_was_misses_no_cut(self, lab: AuthorityLab, bob: LabSignIn, after: int) -> None:
        """A gateway that remembers a store from before a restored backup hears of every cut from now on."""
        messages = watch(lab.services, lab.gateway, after)
        assert (await next_of(messages)).epoch == 0
        plan = await open_as(lab, bob, WHERE)
        await lab.apply(await lab.signed_in("ada", "admin"), LOCK)
        assert [one.session_id for one in (await next_of(messages)).cuts] == [plan.session_id]
