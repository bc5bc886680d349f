"""Gateways that are lost, and sessions that nobody will report on any more."""

import pytest
from tests.support.authority_lab import OPS, AuthorityLab, LabSignIn
from tests.support.proofs import open_as

from doorward.api.bodies.gateway_calls import RenewLease
from doorward.authority.clock_guard import ClockBehind
from doorward.authority.jobs.rounds import SessionRounds, watch_clock, write_summaries
from doorward.authority.operations.contact import renew_lease
from doorward.authority.operations.sessions import get_session
from doorward.base.errors import Unavailable
from doorward.domain.sessions.states import EndReason, SessionState

WHERE = "dwt-root@prod-web-01"


@pytest.fixture
async def bob(lab: AuthorityLab) -> LabSignIn:
    await lab.declare(OPS)
    await lab.node("prod-web-01", {"env": "prod"})
    return await lab.signed_in("bob", "ops")


async def started(lab: AuthorityLab, who: LabSignIn) -> str:
    plan = await open_as(lab, who, WHERE)
    await lab.start(plan.session_id)
    await renew_lease(lab.services, lab.gateway, RenewLease([plan.session_id]))
    return plan.session_id


async def state_of(lab: AuthorityLab, session_id: str) -> tuple[SessionState, EndReason | None]:
    row = await lab.session(session_id)
    return row.state, row.end_reason


async def test_lost_gateways_sessions_are_presumed_ended_after_their_rest(lab: AuthorityLab, bob: LabSignIn) -> None:
    session_id, rounds = await started(lab, bob), SessionRounds(lab.services)
    lab.advance(seconds=10)
    await rounds.round()
    lab.advance(minutes=5, seconds=-1)
    await rounds.round()
    assert await state_of(lab, session_id) == (SessionState.ACTIVE, None)
    lab.advance(seconds=1)
    await rounds.round()
    assert await state_of(lab, session_id) == (SessionState.ENDED, EndReason.GATEWAY_LOST)
    (noted,) = await lab.events("session.ended")
    assert noted.fields["how"] == "presumed"


async def test_session_that_may_not_go_on_is_over_with_the_lease(lab: AuthorityLab, bob: LabSignIn) -> None:
    await lab.declare(OPS + "  options: {on_control_loss: cut}\n")
    session_id = await started(lab, bob)
    lab.advance(seconds=10)
    await SessionRounds(lab.services).round()
    assert await state_of(lab, session_id) == (SessionState.ENDED, EndReason.GATEWAY_LOST)


async def test_loss_is_noted_once_and_shown_while_it_lasts(lab: AuthorityLab, bob: LabSignIn) -> None:
    session_id, rounds = await started(lab, bob), SessionRounds(lab.services)
    lab.advance(seconds=11)
    for _ in range(3):
        await rounds.round()
    (noted,) = await lab.events("gateway.lease_lost")
    assert noted.fields["sessions"] == 1
    shown = await get_session(lab.services, bob.caller, session_id)
    assert (shown.state, shown.end_reason) == ("ending", "gateway_lost")
    await renew_lease(lab.services, lab.gateway, RenewLease([session_id]))
    shown = await get_session(lab.services, bob.caller, session_id)
    assert (shown.state, shown.end_reason) == ("active", None)
    lab.advance(seconds=11)
    await rounds.round()
    assert len(await lab.events("gateway.lease_lost")) == 2


async def test_gateway_that_is_back_in_time_keeps_its_sessions(lab: AuthorityLab, bob: LabSignIn) -> None:
    session_id, rounds = await started(lab, bob), SessionRounds(lab.services)
    lab.advance(minutes=4)
    await rounds.round()
    lease = await renew_lease(lab.services, lab.gateway, RenewLease([session_id]))
    assert lease.unknown == []
    lab.advance(seconds=5)
    await rounds.round()
    assert await state_of(lab, session_id) == (SessionState.ACTIVE, None)


async def test_session_that_never_started_is_over_after_two_minutes(lab: AuthorityLab, bob: LabSignIn) -> None:
    plan, rounds = await open_as(lab, bob, WHERE), SessionRounds(lab.services)
    lab.advance(seconds=119)
    await rounds.round()
    assert (await state_of(lab, plan.session_id))[0] is SessionState.OPENING
    lab.advance(seconds=1)
    await rounds.round()
    assert (await state_of(lab, plan.session_id))[0] is SessionState.ENDED


async def test_session_past_its_deadline_is_over_though_its_gateway_says_otherwise(
    lab: AuthorityLab, bob: LabSignIn
) -> None:
    await lab.declare(OPS + "  options: {max_session_ttl: 10m}\n")
    session_id, rounds = await started(lab, bob), SessionRounds(lab.services)
    for _ in range(63):
        lab.advance(seconds=10)
        await renew_lease(lab.services, lab.gateway, RenewLease([session_id]))
    await rounds.round()
    assert await state_of(lab, session_id) == (SessionState.ENDED, EndReason.EXPIRED)
    assert (await renew_lease(lab.services, lab.gateway, RenewLease([session_id]))).unknown == [session_id]


async def test_nothing_live_writes_nothing(lab: AuthorityLab) -> None:
    await renew_lease(lab.services, lab.gateway, RenewLease([]))
    lab.advance(seconds=60)
    before = await lab.log_size()
    await SessionRounds(lab.services).round()
    assert await lab.log_size() == before


async def test_failed_sign_ins_become_one_event_per_source_and_minute(lab: AuthorityLab) -> None:
    for number in range(30):
        lab.services.throttle.failed(f"user{number}", "192.0.2.7", "password")
    lab.services.throttle.failed("bob", "198.51.100.1", "code")
    await write_summaries(lab.services)
    assert await lab.events("sign_in.failed_summary") == []
    lab.advance(seconds=60)
    await write_summaries(lab.services)
    await write_summaries(lab.services)
    events = await lab.events("sign_in.failed_summary")
    assert sorted(one.fields["attempts"] for one in events) == [1, 30]
    assert all(len(one.fields["names_sample"]) <= 5 for one in events)


async def test_clock_is_held_against_the_log(lab: AuthorityLab, bob: LabSignIn) -> None:
    await open_as(lab, bob, WHERE)
    lab.clock.set_wall(lab.clock.now().replace(year=2025))
    await watch_clock(lab.services)
    with pytest.raises(ClockBehind):
        lab.services.clock_guard.check()


async def test_summaries_that_could_not_be_written_are_written_later(
    lab: AuthorityLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        lab.services.throttle.failed("bob", "192.0.2.7", "password")
    lab.advance(seconds=60)

    async def away(_: object) -> None:
        raise Unavailable("using the store: the database is locked, full or gone")

    with monkeypatch.context() as patch:
        patch.setattr(type(lab.store), "write", lambda _, work: away(work))
        with pytest.raises(Unavailable):
            await write_summaries(lab.services)
    lab.services.throttle.failed("carol", "192.0.2.7", "code")
    await write_summaries(lab.services)
    (event,) = await lab.events("sign_in.failed_summary")
    assert event.fields["attempts"] == 4
    assert event.fields["reasons"] == {"password": 3, "code": 1}
    assert event.fields["names_sample"] == ["bob", "carol"]
