"""A gateway or a user that asks for too much is refused before anything is done for it, and the log hears it once."""

from collections.abc import Awaitable, Callable

import pytest
from tests.support.authorities import ed25519_key
from tests.support.authority_lab import OPS, AuthorityLab, LabSignIn
from tests.support.proofs import asking, open_as

from doorward.api.bodies.gateway_calls import (
    NOTES_MAX,
    MintFaces,
    Note,
    OpenJump,
    SessionEnded,
    SessionReport,
    SessionStarted,
)
from doorward.authority.gateway_limits import (
    RATES,
    USER_CODES,
    USER_NOTES,
    USER_OPENINGS,
    GatewayTooFast,
    UserTooFast,
    Work,
)
from doorward.authority.operations.faces import mint_faces
from doorward.authority.operations.jumps import open_jump
from doorward.authority.operations.recordings import append_recording
from doorward.authority.operations.session_life import report_session
from doorward.base.errors import Missing
from doorward.base.ids import UserId
from doorward.domain.sessions.states import SessionState

WHERE = "dwt-root@prod-web-01"


@pytest.fixture
async def bob(lab: AuthorityLab) -> LabSignIn:
    await lab.declare(OPS)
    await lab.node("prod-web-01", {"env": "prod"})
    return await lab.signed_in("bob", "ops")


async def faces(lab: AuthorityLab, _: str) -> None:
    await mint_faces(lab.services, lab.gateway, MintFaces(ed25519_key(5)[1], ["web.dw"]))


async def notes(lab: AuthorityLab, session_id: str) -> None:
    first = (await lab.session(session_id)).notes_taken + 1
    said = SessionReport(notes=[Note("channel.refused", {"kind": "x11", "reason": "no"})], first_note=first)
    await report_session(lab.services, lab.gateway, session_id, said)


async def recordings(lab: AuthorityLab, session_id: str) -> None:
    await append_recording(lab.services, lab.gateway, session_id, 0, b"bytes")


CALLS: dict[Work, Callable[[AuthorityLab, str], Awaitable[None]]] = {
    Work.FACES: faces,
    Work.NOTES: notes,
    Work.RECORDINGS: recordings,
}


@pytest.mark.parametrize("work", list(CALLS))
async def test_gateway_beyond_its_share_of_one_kind_is_refused_that_kind(
    lab: AuthorityLab, bob: LabSignIn, work: Work
) -> None:
    plan = await open_as(lab, bob, WHERE)
    await CALLS[work](lab, plan.session_id)
    lab.services.gateway_limits.take(lab.gateway.gateway_id, work, int(RATES[work].burst) - 1)
    for _ in range(3):
        with pytest.raises(GatewayTooFast):
            await CALLS[work](lab, plan.session_id)
    assert [one.fields["work"] for one in await lab.events("gateway.slowed")] == [work.value]
    await open_as(lab, bob, WHERE)
    lab.advance(seconds=1)
    await CALLS[work](lab, plan.session_id)


async def test_gateway_that_opens_too_much_is_told_of_once(lab: AuthorityLab, bob: LabSignIn) -> None:
    lab.services.gateway_limits.take(lab.gateway.gateway_id, Work.OPENINGS, int(RATES[Work.OPENINGS].burst))
    for _ in range(3):
        with pytest.raises(GatewayTooFast):
            await open_as(lab, bob, WHERE)
    assert [one.fields["work"] for one in await lab.events("gateway.slowed")] == ["openings"]


async def test_user_who_opens_too_much_is_refused_and_others_are_not(lab: AuthorityLab, bob: LabSignIn) -> None:
    eve = await lab.signed_in("eve", "ops")
    for _ in range(int(USER_OPENINGS.burst) - 1):
        lab.services.gateway_limits.check_user(lab.gateway.gateway_id, bob.caller.user_id)
    await open_as(lab, bob, WHERE)
    size = await lab.log_size()
    jump = OpenJump(asking(lab, bob, "bob").proof, bob.caller.source)
    for _ in range(2):
        with pytest.raises(UserTooFast):
            await open_as(lab, bob, WHERE)
        with pytest.raises(UserTooFast):
            await open_jump(lab.services, lab.gateway, jump)
    (noted,) = await lab.events_since(size)
    assert (noted.type, noted.fields["reason"]) == ("session.refused", "user_too_fast")
    assert noted.subjects["user"] == bob.caller.user_id
    await open_as(lab, eve, WHERE)
    lab.advance(seconds=1)
    await open_as(lab, bob, WHERE)


async def test_proof_that_does_not_hold_uses_up_nobodys_share(lab: AuthorityLab, bob: LabSignIn) -> None:
    for _ in range(int(USER_OPENINGS.burst) - 1):
        lab.services.gateway_limits.check_user(lab.gateway.gateway_id, bob.caller.user_id)
    lie = asking(lab, bob, WHERE)
    broken = type(lie)(type(lie.proof)(lie.proof.signed, b"nothing"), lie.session_public_key, lie.source)
    for _ in range(3):
        with pytest.raises(Exception, match="does not hold"):
            await lab.ask(broken)
    await open_as(lab, bob, WHERE)


async def test_events_of_one_user_hold_back_neither_others_nor_that_it_started_or_ended(
    lab: AuthorityLab, bob: LabSignIn
) -> None:
    eve = await lab.signed_in("eve", "ops")
    loud, also_loud = await open_as(lab, eve, WHERE), await open_as(lab, eve, WHERE)
    quiet = await open_as(lab, bob, WHERE)
    lab.services.gateway_limits.take_notes(lab.gateway.gateway_id, eve.caller.user_id, int(USER_NOTES.burst))
    for plan in (loud, also_loud, loud):  # her other sessions are hers, too
        with pytest.raises(UserTooFast):
            await notes(lab, plan.session_id)
    (slowed,) = await lab.events("gateway.slowed")
    assert (slowed.fields["work"], slowed.subjects["user"]) == ("notes", eve.caller.user_id)
    await notes(lab, quiet.session_id)
    started = SessionReport(started=SessionStarted("SHA256:x", "certificate"))
    ended = SessionReport(ended=SessionEnded("closed", "output", 0, 0))
    for report in (started, ended):
        await report_session(lab.services, lab.gateway, loud.session_id, report)
    assert (await lab.session(loud.session_id)).state is SessionState.ENDED
    lab.advance(seconds=1)
    await notes(lab, also_loud.session_id)
    assert len(await lab.events("channel.refused")) == 2


async def test_of_another_gateways_session_no_share_is_used_up(lab: AuthorityLab, bob: LabSignIn) -> None:
    other = await lab.add_gateway("other", "other.example")
    plan = await open_as(lab, bob, WHERE)
    said = SessionReport(notes=[Note("channel.refused", {"kind": "x11", "reason": "no"})] * NOTES_MAX)
    for _ in range(int(USER_NOTES.burst) // NOTES_MAX + 1):
        with pytest.raises(Missing):
            await report_session(lab.services, other, plan.session_id, said)
    lab.services.gateway_limits.take_notes(lab.gateway.gateway_id, bob.caller.user_id, int(USER_NOTES.burst))


async def test_codes_of_one_user_at_a_gateway_are_few_whatever_else_is_asked(lab: AuthorityLab, bob: LabSignIn) -> None:
    """Each costs the signer a check; a proof that was refused can be shown again and again with another code."""
    limits, gateway_id = lab.services.gateway_limits, lab.gateway.gateway_id
    for _ in range(int(USER_CODES.burst)):
        limits.take_code(gateway_id, bob.caller.user_id)
    with pytest.raises(UserTooFast, match="too many codes"):
        await lab.ask(asking(lab, bob, WHERE, factor_code="123456"))
    limits.take_code(gateway_id, UserId("e" * 26))
    await open_as(lab, bob, WHERE)
    lab.advance(seconds=2)
    limits.take_code(gateway_id, bob.caller.user_id)
