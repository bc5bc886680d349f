"""Gateways are listed, disabled and removed by administrators; one that was sent away is out at once."""

import asyncio
from datetime import timedelta

import pytest
from tests.support.authority_lab import OPS, AuthorityLab, LabSignIn
from tests.support.proofs import open_as

from doorward.api.bodies.administration import IssueToken
from doorward.api.bodies.gateway_calls import RenewLease
from doorward.authority.callers import UserCaller
from doorward.authority.jobs.leases import look_at_leases
from doorward.authority.operations.contact import renew_lease, watch
from doorward.authority.operations.gateways import disable_gateway, list_gateways, remove_gateway
from doorward.authority.operations.joining import NotAdministrator, issue_token
from doorward.authority.rights import NoRight
from doorward.base.errors import Missing
from doorward.domain.sessions.states import EndReason, SessionState

WHERE = "dwt-root@prod-web-01"
WAYS = [disable_gateway, remove_gateway]
NODES_ONLY = """\
kind: role
version: v8
metadata: {name: nodes}
spec: {allow: {rules: [{resources: [node], verbs: [list, read, create, update, delete]}]}}
"""


@pytest.fixture
async def bob(lab: AuthorityLab) -> LabSignIn:
    await lab.declare(OPS)
    await lab.node("prod-web-01", {"env": "prod"})
    return await lab.signed_in("bob", "ops")


@pytest.fixture
async def admin(lab: AuthorityLab) -> UserCaller:
    return (await lab.signed_in("ada", "admin")).caller


async def test_gateways_are_listed_with_what_is_known_of_them(
    lab: AuthorityLab, admin: UserCaller, bob: LabSignIn
) -> None:
    await lab.add_gateway("far", "far.example")
    await renew_lease(lab.services, lab.gateway, RenewLease([]))
    await open_as(lab, bob, WHERE)
    listed = (await list_gateways(lab.services, admin)).items
    assert [(one.name, one.state, one.names, one.sessions) for one in listed] == [
        ("far", "lost", ["far.example"], 0),
        ("gw", "in contact", ["gw.example"], 1),
    ]


@pytest.mark.parametrize("way", WAYS)
async def test_gateway_that_is_sent_away_opens_and_renews_nothing(
    lab: AuthorityLab, admin: UserCaller, bob: LabSignIn, way: object
) -> None:
    await way(lab.services, admin, "gw")  # type: ignore[operator]
    with pytest.raises(Missing):
        await open_as(lab, bob, WHERE)
    with pytest.raises(Missing):
        await renew_lease(lab.services, lab.gateway, RenewLease([]))
    with pytest.raises(Missing):
        await anext(watch(lab.services, lab.gateway, 0))


@pytest.mark.parametrize("way", WAYS)
async def test_open_stream_ends_with_the_order_to_cut(
    lab: AuthorityLab, admin: UserCaller, bob: LabSignIn, way: object
) -> None:
    plan = await open_as(lab, bob, WHERE)
    messages = watch(lab.services, lab.gateway, 0)
    await anext(messages)
    await way(lab.services, admin, "gw")  # type: ignore[operator]
    async with asyncio.timeout(5):
        told = [message async for message in messages]
    assert [(one.session_id, one.reason) for message in told for one in message.cuts] == [(plan.session_id, "revoked")]


@pytest.mark.parametrize("way", WAYS)
async def test_its_sessions_are_presumed_over_when_lease_and_rest_are(
    lab: AuthorityLab, admin: UserCaller, bob: LabSignIn, way: object
) -> None:
    await renew_lease(lab.services, lab.gateway, RenewLease([]))
    plan = await open_as(lab, bob, WHERE)
    await lab.start(plan.session_id)
    await way(lab.services, admin, "gw")  # type: ignore[operator]
    assert (await lab.session(plan.session_id)).state is SessionState.ENDING
    rest = timedelta(minutes=5, seconds=10)
    lab.clock.advance(rest - timedelta(seconds=1))
    await lab.store.write(lambda tx: look_at_leases(tx, frozenset()))
    assert (await lab.session(plan.session_id)).state is SessionState.ENDING
    lab.advance(seconds=1)
    await lab.store.write(lambda tx: look_at_leases(tx, frozenset()))
    row = await lab.session(plan.session_id)
    assert (row.state, row.end_reason, row.facts["presumed"]) == (SessionState.ENDED, EndReason.REVOKED, True)


async def test_session_of_a_gateway_without_a_lease_is_presumed_over_too(
    lab: AuthorityLab, admin: UserCaller, bob: LabSignIn
) -> None:
    plan = await open_as(lab, bob, WHERE)
    await remove_gateway(lab.services, admin, "gw")
    lab.advance(minutes=5)
    await lab.store.write(lambda tx: look_at_leases(tx, frozenset()))
    assert (await lab.session(plan.session_id)).state is SessionState.ENDED


async def test_disabled_gateway_keeps_its_names_and_a_removed_one_frees_them(
    lab: AuthorityLab, admin: UserCaller
) -> None:
    again = IssueToken("gateway", "gw", ["gw.example"])
    assert (await disable_gateway(lab.services, admin, "gw")).state == "disabled"
    with pytest.raises(Exception, match="already"):
        await issue_token(lab.services, admin, again)
    await remove_gateway(lab.services, admin, "gw")
    assert (await list_gateways(lab.services, admin)).items == []
    await issue_token(lab.services, admin, again)
    fresh = await lab.add_gateway("gw", "gw.example")
    assert fresh.gateway_id != lab.gateway.gateway_id


async def test_it_is_noted_by_whom(lab: AuthorityLab, admin: UserCaller) -> None:
    await disable_gateway(lab.services, admin, "gw")
    await disable_gateway(lab.services, admin, "gw")
    await remove_gateway(lab.services, admin, "gw")
    (disabled,) = await lab.events("gateway.disabled")
    (removed,) = await lab.events("gateway.removed")
    assert removed.fields["names"] == ["gw.example"]
    assert {one.subjects["gateway"] for one in (disabled, removed)} == {lab.gateway.gateway_id}


async def test_unknown_gateway_is_missing(lab: AuthorityLab, admin: UserCaller) -> None:
    for way in WAYS:
        with pytest.raises(Missing):
            await way(lab.services, admin, "nothing")


async def test_only_administrators_may(lab: AuthorityLab) -> None:
    await lab.declare(NODES_ONLY)
    some, none = await lab.signed_in("joe", "nodes"), await lab.signed_in("eve", "auditor")
    for who, error in ((some, NotAdministrator), (none, (NotAdministrator, NoRight))):
        with pytest.raises(error):
            await list_gateways(lab.services, who.caller)
        for way in WAYS:
            with pytest.raises(error):
                await way(lab.services, who.caller, "gw")
    assert len(await lab.read(lambda tx: tx.gateways.list())) == 1
