"""What gateways report of their sessions: of their own, in the catalogue's words, and within bounds."""

import asyncio
from typing import Any

import msgspec
import pytest
from tests.support.authority_lab import ON_BOTH_ENGINES, OPS, AuthorityLab, LabSignIn
from tests.support.proofs import open_as

from doorward.api.bodies.gateway_calls import Note, SessionEnded, SessionPlan, SessionReport, SessionStarted
from doorward.authority.operations.session_life import (
    FACTS_MAX,
    bounded_facts,
    report_session,
)
from doorward.authority.operations.sessions import get_session, list_sessions
from doorward.authority.rights import NoRight
from doorward.base.errors import Conflict, DoorwardError, Invalid, Missing
from doorward.domain.audit.catalogue import EVENT_TYPES
from doorward.domain.sessions.states import EndReason, SessionState

WHERE = "dwt-root@prod-web-01"
STARTED = SessionStarted("SHA256:abc", "certificate", "SSH-2.0-OpenSSH_9.2")
ENDED = SessionEnded("closed", "output", 12, 34, {"recording_partial": True})
OPENED = Note("stream.opened", {"kind": "exec", "stream": 0, "command": "id"})


def told(first: int, count: int, ended: SessionEnded | None = None) -> SessionReport:
    """Notes that name their own numbers."""
    notes = [Note("stream.opened", {"kind": "exec", "stream": number}) for number in range(first, first + count)]
    return SessionReport(notes=notes, ended=ended, first_note=first)


async def noted(lab: AuthorityLab) -> list[int]:
    return [one.fields["stream"] for one in await lab.events("stream.opened")]


@pytest.fixture
async def bob(lab: AuthorityLab) -> LabSignIn:
    await lab.declare(OPS)
    await lab.node("prod-web-01", {"env": "prod"})
    return await lab.signed_in("bob", "ops")


@pytest.fixture
async def plan(lab: AuthorityLab, bob: LabSignIn) -> SessionPlan:
    return await open_as(lab, bob, WHERE)


async def test_started_session_is_active_with_what_the_node_showed(lab: AuthorityLab, plan: SessionPlan) -> None:
    await report_session(lab.services, lab.gateway, plan.session_id, SessionReport(started=STARTED))
    row = await lab.session(plan.session_id)
    assert (row.state, row.started) == (SessionState.ACTIVE, lab.clock.now())
    assert row.facts["host_key"] == "SHA256:abc"
    assert (await lab.events("session.started"))[0].fields["node_key"] == "SHA256:abc"


async def test_session_starts_once_and_is_not_active_after_a_cut(
    lab: AuthorityLab, bob: LabSignIn, plan: SessionPlan
) -> None:
    await report_session(lab.services, lab.gateway, plan.session_id, SessionReport(started=STARTED))
    await report_session(lab.services, lab.gateway, plan.session_id, SessionReport(started=STARTED))
    assert len(await lab.events("session.started")) == 1
    other = await open_as(lab, bob, WHERE)
    ada = await lab.signed_in("ada", "admin")
    await lab.apply(ada, "kind: lock\nversion: v1\nmetadata: {name: stop}\nspec: {target: {user: bob}}\n")
    await report_session(lab.services, lab.gateway, other.session_id, SessionReport(started=STARTED))
    cut = await lab.session(other.session_id)
    assert (cut.state, cut.facts["host_key"]) == (SessionState.ENDING, "SHA256:abc")
    await report_session(lab.services, lab.gateway, other.session_id, SessionReport(started=STARTED))
    assert len(await lab.events("session.started")) == 2  # it stood, for a moment: the log tells, the state stays


async def test_whole_session_can_be_told_at_once(lab: AuthorityLab, plan: SessionPlan) -> None:
    await report_session(lab.services, lab.gateway, plan.session_id, SessionReport(STARTED, [OPENED], ENDED))
    row = await lab.session(plan.session_id)
    assert (row.state, row.facts["host_key"], row.facts["recording_partial"]) == (
        SessionState.ENDED,
        "SHA256:abc",
        True,
    )
    assert [len(await lab.events(name)) for name in ("session.started", "stream.opened", "session.ended")] == [1, 1, 1]


async def test_end_is_stored_with_its_facts_once(lab: AuthorityLab, plan: SessionPlan) -> None:
    await report_session(lab.services, lab.gateway, plan.session_id, SessionReport(started=STARTED))
    report = SessionReport(ended=ENDED)
    await report_session(lab.services, lab.gateway, plan.session_id, report)
    later = SessionEnded("protocol_error", "none", 0, 0)
    report = SessionReport(ended=later)
    await report_session(lab.services, lab.gateway, plan.session_id, report)
    row = await lab.session(plan.session_id)
    assert (row.state, row.end_reason, row.level_achieved) == (SessionState.ENDED, EndReason.CLOSED, "output")
    assert (row.bytes_in, row.bytes_out, row.facts["recording_partial"]) == (12, 34, True)
    assert len(await lab.events("session.ended")) == 1


async def test_reason_of_the_cut_stands_whatever_the_gateway_says(lab: AuthorityLab, plan: SessionPlan) -> None:
    ada = await lab.signed_in("ada", "admin")
    await lab.apply(ada, "kind: lock\nversion: v1\nmetadata: {name: stop}\nspec: {target: {user: bob}}\n")
    report = SessionReport(ended=ENDED)
    await report_session(lab.services, lab.gateway, plan.session_id, report)
    assert (await lab.session(plan.session_id)).end_reason is EndReason.LOCKED
    assert (await lab.events("session.ended"))[0].fields["reason"] == "locked"


@pytest.mark.parametrize("reason", ["locked", "revoked", "policy_changed", "dropped", "target_changed"])
async def test_reason_of_ours_without_a_cut_of_ours_is_not_believed(
    lab: AuthorityLab, plan: SessionPlan, reason: str
) -> None:
    await report_session(
        lab.services, lab.gateway, plan.session_id, SessionReport(ended=SessionEnded(reason, "output", 0, 0))
    )
    assert (await lab.session(plan.session_id)).end_reason is EndReason.CLOSED
    assert (await lab.events("session.ended"))[0].fields["reason"] == "closed"


async def test_end_does_not_change_what_is_known_already(lab: AuthorityLab, plan: SessionPlan) -> None:
    before = (await lab.session(plan.session_id)).facts
    lies = {"signed_in_from": "203.0.113.9", "session_key": "00", "presumed": True, "streams": 1}
    await report_session(
        lab.services, lab.gateway, plan.session_id, SessionReport(ended=SessionEnded("closed", "output", 0, 0, lies))
    )
    assert (await lab.session(plan.session_id)).facts == {**before, "streams": 1}


@pytest.mark.parametrize(("said", "stored"), [("strict", "output"), ("none", "none"), ("all of it", "none")])
async def test_level_is_never_above_what_was_asked_for(
    lab: AuthorityLab, plan: SessionPlan, said: str, stored: str
) -> None:
    assert (await lab.session(plan.session_id)).level_asked == "output"
    await report_session(
        lab.services, lab.gateway, plan.session_id, SessionReport(ended=SessionEnded("closed", said, 0, 0))
    )
    assert (await lab.session(plan.session_id)).level_achieved == stored
    assert (await lab.events("session.ended"))[0].fields["level_achieved"] == stored


@pytest.mark.parametrize("reason", ["", "finished", "CLOSED", "locked "])
async def test_reason_outside_the_list_is_refused(lab: AuthorityLab, plan: SessionPlan, reason: str) -> None:
    with pytest.raises(Invalid):
        await report_session(
            lab.services, lab.gateway, plan.session_id, SessionReport(ended=SessionEnded(reason, "output", 0, 0))
        )
    assert (await lab.session(plan.session_id)).state is SessionState.OPENING


async def test_another_gateways_session_is_as_missing_as_none(lab: AuthorityLab, plan: SessionPlan) -> None:
    other = await lab.add_gateway("other", "other.example")
    answers = set()
    for session_id in (plan.session_id, "a" * 26):
        for call in (
            report_session(lab.services, other, session_id, SessionReport(started=STARTED)),
            report_session(lab.services, other, session_id, SessionReport(notes=[OPENED])),
            report_session(lab.services, other, session_id, SessionReport(ended=ENDED)),
        ):
            with pytest.raises(Missing) as caught:
                await call
            answers.add(caught.value.message)
    assert len(answers) == 1
    assert (await lab.session(plan.session_id)).state is SessionState.OPENING


@pytest.mark.parametrize("session_id", ["", "..", "a" * 27, "A" * 26, "a" * 25 + "/"])
async def test_what_is_no_id_is_refused(lab: AuthorityLab, session_id: str) -> None:
    with pytest.raises(Invalid):
        await report_session(lab.services, lab.gateway, session_id, SessionReport(ended=ENDED))


class TestNotes:
    async def test_are_events_of_their_session(self, lab: AuthorityLab, plan: SessionPlan) -> None:
        report = SessionReport(notes=[OPENED, OPENED])
        await report_session(lab.services, lab.gateway, plan.session_id, report)
        noted = await lab.events("stream.opened")
        assert [one.fields["command"] for one in noted] == ["id", "id"]
        assert {one.subjects["session"] for one in noted} == {plan.session_id}
        assert {one.actor_id for one in noted} == {lab.gateway.gateway_id}

    async def test_of_other_types_are_refused(self, lab: AuthorityLab, plan: SessionPlan) -> None:
        before = await lab.log_size()
        ours = [one.name for one in EVENT_TYPES if not one.from_gateway]
        for name in (*ours, "session.started", "session.ended", "no.such_type", ""):
            with pytest.raises(Invalid):
                await report_session(
                    lab.services, lab.gateway, plan.session_id, SessionReport(notes=[OPENED, Note(name, {})])
                )
        assert await lab.log_size() == before

    @pytest.mark.parametrize(
        "fields",
        [
            {},
            {"kind": 7},
            {"kind": "exec", "surprise": 1},
            {"kind": "exec", "stream": 2**60},
            {"kind": "exec", "pty": 1},
        ],
    )
    async def test_that_do_not_fit_the_catalogue_are_refused_whole(
        self, lab: AuthorityLab, plan: SessionPlan, fields: dict[str, Any]
    ) -> None:
        before = await lab.log_size()
        report = SessionReport(STARTED, [OPENED, Note("stream.opened", fields)], ENDED)
        with pytest.raises(Invalid):
            await report_session(lab.services, lab.gateway, plan.session_id, report)
        assert await lab.log_size() == before
        assert (await lab.session(plan.session_id)).state is SessionState.OPENING

    async def test_said_again_after_a_lost_answer_are_logged_once(self, lab: AuthorityLab, plan: SessionPlan) -> None:
        for report in (told(1, 2), told(1, 2), told(1, 4), told(3, 2), told(5, 1)):
            await report_session(lab.services, lab.gateway, plan.session_id, report)
        assert await noted(lab) == [1, 2, 3, 4, 5]
        assert (await lab.session(plan.session_id)).notes_taken == 5

    async def test_said_again_with_the_end_are_logged_once_and_are_no_conflict(
        self, lab: AuthorityLab, plan: SessionPlan
    ) -> None:
        for _ in range(2):
            await report_session(lab.services, lab.gateway, plan.session_id, told(1, 2, ENDED))
        assert await noted(lab) == [1, 2]
        assert len(await lab.events("session.ended")) == 1

    @ON_BOTH_ENGINES
    async def test_said_twice_at_once_are_logged_once(self, lab: AuthorityLab, plan: SessionPlan) -> None:
        said = [report_session(lab.services, lab.gateway, plan.session_id, told(1, count)) for count in (3, 5, 3, 5, 1)]
        async with asyncio.TaskGroup() as tasks:
            for one in said:
                tasks.create_task(one)
        assert await noted(lab) == [1, 2, 3, 4, 5]

    async def test_of_which_one_is_refused_count_as_untold(self, lab: AuthorityLab, plan: SessionPlan) -> None:
        with pytest.raises(Invalid):
            await report_session(
                lab.services, lab.gateway, plan.session_id, SessionReport(notes=[OPENED, Note("", {})])
            )
        await report_session(lab.services, lab.gateway, plan.session_id, told(1, 1))
        assert await noted(lab) == [1]

    async def test_of_an_ended_session_are_refused(self, lab: AuthorityLab, plan: SessionPlan) -> None:
        await lab.end(plan.session_id)
        report = SessionReport(notes=[OPENED])
        with pytest.raises(Conflict):
            await report_session(lab.services, lab.gateway, plan.session_id, report)


@pytest.mark.parametrize(
    "facts",
    [
        {f"fact{number}": 1 for number in range(FACTS_MAX + 1)},
        {"text": "x" * 513},
        {"x" * 65: 1},
        {"nested": {"a": 1}},
        {"list": [1]},
        {"nothing": None},
    ],
)
def test_facts_are_few_and_plain(facts: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        bounded_facts(facts)


@pytest.mark.parametrize("field", ["bytes_in", "bytes_out"])
@pytest.mark.parametrize("count", [-1, 2**53, 2**70])
def test_counts_have_bounds(field: str, count: int) -> None:
    body = {"reason": "closed", "level_achieved": "output", "bytes_in": 0, "bytes_out": 0, field: count}
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(body), type=SessionEnded)


class TestLooking:
    async def test_own_sessions_need_no_right(self, lab: AuthorityLab, bob: LabSignIn, plan: SessionPlan) -> None:
        assert (await get_session(lab.services, bob.caller, plan.session_id)).user_name == "bob"
        found = await list_sessions(lab.services, bob.caller, user="", node="", live=False, limit=10)
        assert [one.id for one in found] == [plan.session_id]

    async def test_others_are_not_found_without_the_right(self, lab: AuthorityLab, plan: SessionPlan) -> None:
        eve = await lab.signed_in("eve", "ops")
        for user, node in (("", ""), ("bob", ""), ("", "prod-web-01"), ("nobody", "")):
            assert await list_sessions(lab.services, eve.caller, user=user, node=node, live=False, limit=10) == []
        answers = set()
        for session_id in (plan.session_id, "a" * 26):
            with pytest.raises(NoRight) as caught:
                await get_session(lab.services, eve.caller, session_id)
            answers.add(caught.value.message)
        assert len(answers) == 1

    async def test_auditor_finds_by_user_node_and_state(
        self, lab: AuthorityLab, bob: LabSignIn, plan: SessionPlan
    ) -> None:
        olga = await lab.signed_in("olga", "auditor")
        over = await open_as(lab, bob, WHERE)
        await lab.end(over.session_id)

        async def found(user: str = "", node: str = "", live: bool = False) -> set[str]:
            views = await list_sessions(lab.services, olga.caller, user=user, node=node, live=live, limit=10)
            return {one.id for one in views}

        assert await found() == {plan.session_id, over.session_id}
        assert await found(user="BOB", node="prod-web-01", live=True) == {plan.session_id}
        assert await found(user="nobody") == set()
        assert await found(node="no-such-node") == set()

    @pytest.mark.parametrize("limit", [-5, 0, 1, 10**9])
    async def test_any_limit_is_bounded(self, lab: AuthorityLab, bob: LabSignIn, plan: SessionPlan, limit: int) -> None:
        found = await list_sessions(lab.services, bob.caller, user="", node="", live=False, limit=limit)
        assert [one.id for one in found] == [plan.session_id]

    async def test_view_holds_no_key(self, lab: AuthorityLab, bob: LabSignIn, plan: SessionPlan) -> None:
        assert "session_key" not in (await get_session(lab.services, bob.caller, plan.session_id)).facts

    async def test_missing_one_is_missing_to_who_may_look(self, lab: AuthorityLab) -> None:
        olga = await lab.signed_in("olga", "auditor")
        with pytest.raises(DoorwardError) as caught:
            await get_session(lab.services, olga.caller, "a" * 26)
        assert isinstance(caught.value, Missing)
