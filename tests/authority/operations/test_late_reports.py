"""What gateways tell of sessions that were ended without them: taken within bounds, as what it is, and never twice."""

import asyncio
from datetime import timedelta

import pytest
from tests.support.authority_lab import ON_BOTH_ENGINES, OPS, AuthorityLab, LabSignIn
from tests.support.proofs import open_as

from doorward.api.bodies.gateway_calls import (
    AGE_SECONDS_MAX,
    NOTES_MAX,
    Note,
    RenewLease,
    SessionEnded,
    SessionReport,
    SessionStarted,
)
from doorward.authority.jobs.rounds import SessionRounds
from doorward.authority.operations.contact import renew_lease
from doorward.authority.operations.end_session import end_session
from doorward.authority.operations.gateways import disable_gateway, remove_gateway
from doorward.authority.operations.session_life import ReportRefused, report_session
from doorward.base.clock import to_micros
from doorward.base.errors import Invalid, Missing
from doorward.domain.sessions.late import LATE_NOTES_MAX, LATE_WITHIN
from doorward.domain.sessions.states import EndReason, SessionState
from doorward.gateway.reports import NOTES_CLOSING_MAX, NOTES_PENDING_MAX

WHERE = "dwt-root@prod-web-01"
LOCK = "kind: lock\nversion: v1\nmetadata: {name: stop}\nspec: {target: {user: bob}}\n"
STARTED = SessionStarted("SHA256:abc", "certificate")


def told(first: int = 1, count: int = 3, age_seconds: int = 0, ended: SessionEnded | None = None) -> SessionReport:
    numbers = range(first, first + count)
    notes = [Note("stream.opened", {"kind": "exec", "stream": number}, age_seconds) for number in numbers]
    return SessionReport(notes=notes, ended=ended, first_note=first)


def over(reason: str = "closed", level: str = "output", age_seconds: int = 0) -> SessionEnded:
    return SessionEnded(reason, level, 12, 34, {"streams": 3}, age_seconds)


@pytest.fixture
async def bob(lab: AuthorityLab) -> LabSignIn:
    await lab.declare(OPS)
    await lab.node("prod-web-01", {"env": "prod"})
    return await lab.signed_in("bob", "ops")


@pytest.fixture
async def session(lab: AuthorityLab, bob: LabSignIn) -> str:
    """Open on a gateway with a lease; its start has not been told."""
    plan = await open_as(lab, bob, WHERE)
    await renew_lease(lab.services, lab.gateway, RenewLease([plan.session_id]))
    return plan.session_id


async def presumed(lab: AuthorityLab) -> None:
    lab.advance(minutes=6)
    await SessionRounds(lab.services).round()


async def say(lab: AuthorityLab, session: str, report: SessionReport) -> None:
    await report_session(lab.services, lab.gateway, session, report)


async def streams(lab: AuthorityLab) -> list[int]:
    return [one.fields["stream"] for one in await lab.events("stream.opened")]


async def test_everything_that_a_gateway_could_not_tell_is_in_the_log_once_it_is_back(
    lab: AuthorityLab, session: str
) -> None:
    opened = lab.clock.now()
    await say(lab, session, told(1, 2))
    await presumed(lab)
    ended = lab.clock.now()
    lab.advance(minutes=4)
    late = told(3, 2, 570)
    await say(lab, session, SessionReport(STARTED, late.notes, over(age_seconds=540), 3))
    assert await streams(lab) == [1, 2, 3, 4]
    kinds = [one.type for one in await lab.events() if one.subjects.get("session") == session]
    assert kinds[-6:] == [
        *("stream.opened", "session.ended", "session.started"),
        *("stream.opened", "stream.opened", "session.corrected"),
    ]
    (first,) = await lab.events("session.ended")
    assert (first.fields["how"], first.fields["reason"]) == ("presumed", "gateway_lost")
    (corrected,) = await lab.events("session.corrected")
    assert corrected.actor_id == lab.gateway.gateway_id
    assert corrected.fields == {
        "reason": "closed",
        "reason_presumed": "gateway_lost",
        "level_achieved": "output",
        "bytes_in": 12,
        "bytes_out": 34,
        "late_notes": 2,
        "happened_micros": to_micros(opened + timedelta(minutes=1)),
    }
    assert [one.fields.get("happened_micros") for one in await lab.events("stream.opened")] == [
        *(None, None),
        *[to_micros(opened + timedelta(seconds=30))] * 2,
    ]
    row = await lab.session(session)
    assert (row.state, row.end_reason, row.ended) == (SessionState.ENDED, EndReason.GATEWAY_LOST, ended)
    assert (row.level_achieved, row.bytes_in, row.bytes_out, row.late_notes) == ("output", 12, 34, 2)
    assert (row.facts["reason_told"], row.facts["presumed"], row.facts["host_key"]) == ("closed", True, "SHA256:abc")
    assert row.facts["ended_told"] == (opened + timedelta(minutes=1)).isoformat()
    assert row.corrected == lab.clock.now()
    assert (await lab.store.verify_log()).fault is None


async def test_told_again_changes_nothing_and_what_is_new_after_the_end_is_refused(
    lab: AuthorityLab, session: str
) -> None:
    await presumed(lab)
    for _ in range(3):
        await say(lab, session, told(ended=over()))
    await say(lab, session, SessionReport(ended=over("protocol_error", "none")))
    assert await streams(lab) == [1, 2, 3]
    (corrected,) = await lab.events("session.corrected")
    assert corrected.fields["reason"] == "closed"
    for first in (4, 7, 10):
        with pytest.raises(ReportRefused):
            await say(lab, session, told(first))
    assert await streams(lab) == [1, 2, 3]
    (refused,) = await lab.events("session.report_refused")
    assert (refused.fields["reason"], refused.fields["notes"]) == ("ended", 3)
    assert (await lab.session(session)).facts["report_refused"] == "ended"


async def test_of_another_gateways_session_nothing_is_taken(lab: AuthorityLab, session: str) -> None:
    other = await lab.add_gateway("other", "other.example")
    await presumed(lab)
    size = await lab.log_size()
    for report in (told(), SessionReport(ended=over()), SessionReport(started=STARTED)):
        with pytest.raises(Missing):
            await report_session(lab.services, other, session, report)
    assert await lab.log_size() == size


@pytest.mark.parametrize("report", [told(), SessionReport(ended=over()), SessionReport(started=STARTED)])
async def test_after_the_window_nothing_is_taken_and_the_log_says_so_once(
    lab: AuthorityLab, session: str, report: SessionReport
) -> None:
    await presumed(lab)
    lab.clock.advance(LATE_WITHIN - timedelta(seconds=1))
    await say(lab, session, told(1, 1))
    lab.advance(seconds=1)
    size = await lab.log_size()
    later = SessionReport(report.started, report.notes, report.ended, 2)
    for _ in range(3):
        with pytest.raises(ReportRefused):
            await say(lab, session, later)
    (refused,) = await lab.events_since(size)
    assert (refused.type, refused.fields["reason"]) == ("session.report_refused", "too_late")
    assert refused.fields["notes"] == len(report.notes)
    assert (await lab.session(session)).level_achieved == "unknown"


async def test_no_more_is_taken_than_a_gateway_keeps(lab: AuthorityLab, session: str) -> None:
    assert LATE_NOTES_MAX >= NOTES_PENDING_MAX + NOTES_CLOSING_MAX + NOTES_MAX  # with what was on its way
    await presumed(lab)
    for first in range(1, LATE_NOTES_MAX, NOTES_MAX):
        await say(lab, session, told(first, NOTES_MAX))
    with pytest.raises(ReportRefused):
        await say(lab, session, told(LATE_NOTES_MAX + 1, 1))
    (refused,) = await lab.events("session.report_refused")
    assert refused.fields["reason"] == "too_many"
    await say(lab, session, SessionReport(ended=over()))  # the end is not among them
    assert (await lab.session(session)).late_notes == LATE_NOTES_MAX
    assert len(await lab.events("session.corrected")) == 1


@pytest.mark.parametrize("age_seconds", [0, 1, 10_000, AGE_SECONDS_MAX])
async def test_times_stay_within_the_life_of_the_session_whatever_is_said(
    lab: AuthorityLab, session: str, age_seconds: int
) -> None:
    opened = lab.clock.now()
    await presumed(lab)
    ended = lab.clock.now()
    lab.advance(minutes=10)
    at = to_micros(lab.clock.now())
    report = told(1, 1, age_seconds, over(age_seconds=age_seconds))
    await say(lab, session, SessionReport(SessionStarted("", "", "", age_seconds), report.notes, report.ended))
    late = await lab.events("session.started", "stream.opened", "session.corrected")
    assert len(late) == 3
    assert {to_micros(one.at) for one in late} == {at}  # an entry's own time is when it was logged
    for one in late:
        when = one.fields.get("happened_micros", to_micros(ended))
        assert to_micros(opened) <= when <= to_micros(ended), one.type
    row = await lab.session(session)
    assert row.started is not None
    assert opened <= row.started <= ended


async def test_a_gateway_does_not_name_the_time_itself(lab: AuthorityLab, session: str) -> None:
    lie = Note("stream.opened", {"kind": "exec", "happened_micros": 1})
    with pytest.raises(Invalid):
        await say(lab, session, SessionReport(notes=[lie]))


async def test_session_that_we_cut_keeps_our_reason_whoever_tells_of_it(
    lab: AuthorityLab, bob: LabSignIn, session: str
) -> None:
    other = (await open_as(lab, bob, WHERE)).session_id
    await renew_lease(lab.services, lab.gateway, RenewLease([session, other]))
    await end_session(lab.services, (await lab.signed_in("ada", "admin")).caller, session, "")
    await presumed(lab)
    for one in (session, other):
        await say(lab, one, SessionReport(ended=over("revoked", "strict")))
    corrected = {one.subjects["session"]: one.fields for one in await lab.events("session.corrected")}
    assert (corrected[session]["reason"], corrected[other]["reason"]) == ("revoked", "closed")
    assert {one["level_achieved"] for one in corrected.values()} == {"output"}  # not above what was asked for
    assert (await lab.session(session)).end_reason is EndReason.REVOKED


class TestEachWayToEnd:
    """Whichever way the authority ends a session, what its gateway tells later is taken, or its refusal is noted."""

    async def test_cut_and_not_reported_yet(self, lab: AuthorityLab, session: str) -> None:
        await lab.apply(await lab.signed_in("ada", "admin"), LOCK)
        await say(lab, session, SessionReport(STARTED, told().notes))
        assert (await lab.session(session)).state is SessionState.ENDING
        await say(lab, session, told(4, 1, ended=over("locked")))
        assert await streams(lab) == [1, 2, 3, 4]
        assert len(await lab.events("session.started")) == 1
        assert [one.fields["reason"] for one in await lab.events("session.ended")] == ["locked"]

    async def test_not_on_its_gateway_any_more(self, lab: AuthorityLab, session: str) -> None:
        lab.advance(seconds=16)
        await renew_lease(lab.services, lab.gateway, RenewLease([]))
        await say(lab, session, told(ended=over()))
        assert await streams(lab) == [1, 2, 3]
        assert len(await lab.events("session.corrected")) == 1

    async def test_overdue(self, lab: AuthorityLab, session: str) -> None:
        for _ in range(13):
            lab.advance(seconds=10)
            await renew_lease(lab.services, lab.gateway, RenewLease([session]))
            await SessionRounds(lab.services).round()
        assert (await lab.session(session)).end_reason is EndReason.UPSTREAM_CLOSED
        await say(lab, session, told(ended=over()))
        assert await streams(lab) == [1, 2, 3]
        assert (await lab.session(session)).facts["reason_told"] == "closed"

    async def test_its_gateway_told_the_end(self, lab: AuthorityLab, session: str) -> None:
        await say(lab, session, told(ended=over()))
        with pytest.raises(ReportRefused):
            await say(lab, session, told(4))
        assert [one.fields["reason"] for one in await lab.events("session.report_refused")] == ["ended"]
        assert await lab.events("session.corrected") == []

    @pytest.mark.parametrize("send_away", [disable_gateway, remove_gateway])
    async def test_its_gateway_was_sent_away(self, lab: AuthorityLab, session: str, send_away: object) -> None:
        ada = await lab.signed_in("ada", "admin")
        assert callable(send_away)
        await send_away(lab.services, ada.caller, "gw")
        await presumed(lab)
        assert (await lab.session(session)).state is SessionState.ENDED
        size = await lab.log_size()
        with pytest.raises(Missing):
            await say(lab, session, told(ended=over()))
        assert await lab.log_size() == size


@ON_BOTH_ENGINES
async def test_whoever_comes_first_each_note_is_there_once_and_so_is_the_end(lab: AuthorityLab, session: str) -> None:
    lab.advance(minutes=6)
    rounds = [SessionRounds(lab.services) for _ in range(2)]
    async with asyncio.TaskGroup() as tasks:
        for one in (
            rounds[0].round(),
            say(lab, session, told(1, 3)),
            rounds[1].round(),
            say(lab, session, told(1, 5, ended=over())),
        ):
            tasks.create_task(one)
    assert await streams(lab) == [1, 2, 3, 4, 5]
    ended = [one.fields["how"] for one in await lab.events("session.ended")]
    assert len(ended) == 1
    assert len(await lab.events("session.corrected")) == (ended == ["presumed"])
    assert (await lab.session(session)).bytes_out == 34
