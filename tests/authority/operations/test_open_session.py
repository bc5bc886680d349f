"""Opening a session on an honest proof: what is answered, what is stored, what is logged, and when it is refused."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from tests.support.authority_lab import ON_BOTH_ENGINES, OPS, AuthorityLab, LabSignIn
from tests.support.proofs import SignedRequest, asking, new_session_key, open_as

from doorward.api.bodies.gateway_calls import OpenSession
from doorward.authority.operations import open_session
from doorward.authority.operations.admission import SessionRefused
from doorward.authority.operations.threshold import NodeUnverified, PasskeyRequired, SourcePinned, TooManySessions
from doorward.base.errors import DoorwardError, Refused
from doorward.base.ids import SessionId
from doorward.domain.access.obligations import Obligations
from doorward.domain.certificates.principals import node_principal, session_principal
from doorward.domain.identity.sign_in import SignInEnd
from doorward.domain.sessions.states import EndReason, SessionState
from doorward.wire.ssh.certificate import parse_certificate

pytestmark = ON_BOTH_ENGINES
WHERE = "dwt-root@prod-web-01"


def role(**options: Any) -> str:
    """The role `ops` with options."""
    return OPS + f"  options: {options!r}\n".replace("True", "true").replace("'", '"')


async def scene(lab: AuthorityLab, **options: Any) -> LabSignIn:
    """bob may become dwt-root on prod-web-01."""
    await lab.declare(role(**options))
    await lab.node("prod-web-01", {"env": "prod"})
    return await lab.signed_in("bob", "ops")


async def refusal(lab: AuthorityLab, wanted: OpenSession) -> Refused:
    with pytest.raises(Refused) as caught:
        await lab.ask(wanted)
    return caught.value


async def sessions_of(lab: AuthorityLab) -> int:
    return len(await lab.read(lambda tx: tx.sessions.live()))


async def test_plan_says_what_the_user_signed_for(lab: AuthorityLab) -> None:
    bob = await scene(lab)
    key = new_session_key(lab)
    plan = await open_as(lab, bob, WHERE, session_key=key)
    assert (plan.node_name, plan.login, plan.user_name, plan.basis) == ("prod-web-01", "dwt-root", "bob", "standing")
    assert plan.host_principal == node_principal((await lab.session(plan.session_id)).node_id)
    assert plan.address == "192.0.2.80:22"
    assert Obligations.load(plan.obligations) == Obligations()
    certificate = parse_certificate(plan.certificate)
    assert certificate.fields.public_key == key
    assert certificate.fields.principals == (
        session_principal((await lab.session(plan.session_id)).node_id, "dwt-root"),
    )
    assert certificate.signature_key in lab.services.keys.session_ssh


async def test_session_is_opening_on_its_proof_and_source(lab: AuthorityLab) -> None:
    bob = await scene(lab)
    plan = await open_as(lab, bob, WHERE, source="198.51.100.4")
    row = await lab.session(plan.session_id)
    assert row.state is SessionState.OPENING
    assert (row.user_id, row.sign_in_id, row.source) == (bob.caller.user_id, bob.row.id, "198.51.100.4")
    assert (row.proof_kind, row.gateway_id) == ("plain", lab.gateway.gateway_id)


async def test_hostbound_proof_opens_at_the_gateway_that_showed_the_face(lab: AuthorityLab) -> None:
    bob = await scene(lab)
    plan = await open_as(lab, bob, WHERE, hostbound=True)
    assert (await lab.session(plan.session_id)).proof_kind == "hostbound"


async def test_decision_and_opening_are_in_the_log_together(lab: AuthorityLab) -> None:
    bob = await scene(lab)
    before = await lab.log_size()
    plan = await open_as(lab, bob, WHERE)
    events = await lab.events_since(before)
    assert [one.type for one in events] == ["decision.made", "session.opened"]
    decided, opened = events
    assert decided.at == opened.at
    assert decided.fields["outcome"] == "allow"
    assert decided.fields["trace_sha256"] == opened.fields["trace_sha256"]
    assert {one.subjects["session"] for one in events} == {plan.session_id}


async def test_decision_is_stored_with_its_session_or_not_at_all(
    lab: AuthorityLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = await scene(lab)
    before = await lab.log_size()

    def broken(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr("doorward.stores.sql.sessions.SqlSessions.add", broken)
    with pytest.raises(DoorwardError):
        await open_as(lab, bob, WHERE)
    assert await lab.log_size() == before
    assert await sessions_of(lab) == 0


async def test_session_ends_with_the_sign_in_when_that_is_first(lab: AuthorityLab) -> None:
    bob = await scene(lab, max_session_ttl="12h")
    lab.advance(hours=7)
    plan = await open_as(lab, bob, WHERE)
    assert (await lab.session(plan.session_id)).deadline == bob.row.expires
    assert plan.remaining_seconds == 3600


async def test_session_ends_when_its_role_says_so(lab: AuthorityLab) -> None:
    plan = await open_as(lab, await scene(lab, max_session_ttl="10m"), WHERE)
    assert plan.remaining_seconds == 600


async def test_unknown_node_and_unknown_login_and_forbidden_node_are_answered_alike(lab: AuthorityLab) -> None:
    bob = await scene(lab)
    await lab.node("dev-web-01", {"env": "dev"})
    answers = set()
    for where in ("dwt-root@dev-web-01", "dwt-root@no-such-node", "nobody@prod-web-01", "nobody@no-such-node"):
        error = await refusal(lab, asking(lab, bob, where))
        login, node = where.split("@")
        assert "192.0.2.80" not in error.message
        answers.add((error.code, error.message.replace(login, "LOGIN").replace(node, "NODE")))
    assert len(answers) == 1
    assert await sessions_of(lab) == 0


async def test_node_that_someone_with_every_label_asks_for_is_refused_when_there_is_none(lab: AuthorityLab) -> None:
    await lab.declare(OPS.replace("{env: prod}", '{"*": "*"}'))
    bob = await lab.signed_in("bob", "ops")
    await refusal(lab, asking(lab, bob, "dwt-root@no-such-node"))
    (noted,) = await lab.events("session.refused")
    assert noted.fields["reason"] == "unknown_node"


async def test_refusals_take_the_same_least_time(lab: AuthorityLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_session, "REFUSAL_SECONDS", 0.12)
    bob = await scene(lab)
    await lab.node("dev-web-01", {"env": "dev"})
    lies = replace_signature(asking(lab, bob, WHERE))
    loop = asyncio.get_running_loop()
    for wanted in (
        asking(lab, bob, "dwt-root@dev-web-01"),
        asking(lab, bob, "dwt-root@no-such-node"),
        asking(lab, bob, "nobody@prod-web-01"),
        lies,
    ):
        begun = loop.time()
        await refusal(lab, wanted)
        assert loop.time() - begun >= 0.119


def replace_signature(wanted: OpenSession) -> OpenSession:
    return OpenSession(
        proof=type(wanted.proof)(wanted.proof.signed, b"nothing"),
        session_public_key=wanted.session_public_key,
        source=wanted.source,
    )


async def test_refusal_is_noted_with_what_was_asked_and_its_decision(lab: AuthorityLab) -> None:
    bob = await scene(lab)
    before = await lab.log_size()
    await refusal(lab, asking(lab, bob, "nobody@prod-web-01"))
    decided, refused = await lab.events_since(before)
    assert (decided.type, decided.fields["outcome"]) == ("decision.made", "deny")
    assert (refused.type, refused.fields["reason"]) == ("session.refused", "not_allowed")
    assert refused.fields["login_asked"] == "nobody"
    assert refused.fields["trace_sha256"] == decided.fields["trace_sha256"]


async def test_unverified_node_is_allowed_to_nobody_yet(lab: AuthorityLab) -> None:
    await lab.declare(OPS)
    await lab.node("prod-web-01", {"env": "prod"}, verified=False)
    bob = await lab.signed_in("bob", "ops")
    error = await refusal(lab, asking(lab, bob, WHERE))
    assert isinstance(error, NodeUnverified)
    assert await sessions_of(lab) == 0


async def test_no_more_sessions_than_the_role_permits(lab: AuthorityLab) -> None:
    bob = await scene(lab, max_connections=2)
    first = await open_as(lab, bob, WHERE)
    await open_as(lab, bob, WHERE)
    assert isinstance(await refusal(lab, asking(lab, bob, WHERE)), TooManySessions)
    await lab.end(first.session_id)
    await open_as(lab, bob, WHERE)


async def test_two_openings_at_once_are_not_both_the_last_one(lab: AuthorityLab) -> None:
    bob = await scene(lab, max_connections=1)
    results = await asyncio.gather(*(open_as(lab, bob, WHERE) for _ in range(6)), return_exceptions=True)
    assert sum(not isinstance(one, BaseException) for one in results) == 1
    assert all(isinstance(one, TooManySessions) for one in results if isinstance(one, BaseException))


async def test_how_many_channels_a_connection_may_hold_is_not_how_many_connections_there_may_be(
    lab: AuthorityLab,
) -> None:
    bob = await scene(lab, max_sessions=1)
    await open_as(lab, bob, WHERE)
    await open_as(lab, bob, WHERE)
    assert await sessions_of(lab) == 2


async def test_pinned_session_opens_from_where_the_user_signed_in_only(lab: AuthorityLab) -> None:
    bob = await scene(lab, pin_source_ip=True)
    error = await refusal(lab, asking(lab, bob, WHERE, source="198.51.100.9"))
    assert isinstance(error, SourcePinned)
    assert error.message == "prod-web-01 can be reached only from the address at which you signed in"
    assert (await lab.events("session.refused"))[-1].fields["reason"] == "source_pinned"
    await open_as(lab, bob, WHERE)


async def test_passkey_is_not_asked_for_as_a_code(lab: AuthorityLab) -> None:
    bob = await scene(lab, require_session_mfa="webauthn")
    error = await refusal(lab, asking(lab, bob, WHERE))
    assert isinstance(error, PasskeyRequired)
    assert "ssh can not ask for" in error.message
    assert (await lab.events("session.refused"))[-1].fields["reason"] == "passkey_required"


async def test_trusted_device_is_not_asked_for_as_a_code(lab: AuthorityLab) -> None:
    bob = await scene(lab, device_trust_mode="required")
    assert (await refusal(lab, asking(lab, bob, WHERE))).code == "trusted_device_required"


async def test_what_no_code_can_make_good_is_said_before_a_code_is_asked_for(lab: AuthorityLab) -> None:
    bob = await scene(lab, require_session_mfa=True, pin_source_ip=True)
    elsewhere = asking(lab, bob, WHERE, source="198.51.100.9")
    assert (await refusal(lab, elsewhere)).code == "source_pinned"
    assert (await refusal(lab, asking(lab, bob, WHERE))).code == "factor_required"


async def test_retry_with_the_same_key_gets_the_same_session(lab: AuthorityLab) -> None:
    bob = await scene(lab, max_connections=1)
    wanted = asking(lab, bob, WHERE)
    first = await lab.ask(wanted)
    size = await lab.log_size()
    again = await lab.ask(wanted)
    assert again.session_id == first.session_id
    assert again.epoch == first.epoch
    assert await sessions_of(lab) == 1
    assert await lab.log_size() == size


async def test_same_proof_with_another_session_key_is_refused(lab: AuthorityLab) -> None:
    bob = await scene(lab)
    request = SignedRequest(bob.certificate, WHERE, b"s" * 32)
    first = asking(lab, bob, WHERE, session_id=request.session_id)
    second = asking(lab, bob, WHERE, session_id=request.session_id)
    await lab.ask(first)
    assert isinstance(await refusal(lab, second), SessionRefused)
    assert (await lab.events("session.refused"))[-1].fields["reason"] == "proof_used"
    assert await sessions_of(lab) == 1


async def test_same_proof_at_once_with_many_keys_opens_one_session(lab: AuthorityLab) -> None:
    bob = await scene(lab)
    asked = [asking(lab, bob, WHERE, session_id=b"s" * 32) for _ in range(8)]
    results = await asyncio.gather(*(lab.ask(one) for one in asked), return_exceptions=True)
    assert sum(not isinstance(one, BaseException) for one in results) == 1
    assert await sessions_of(lab) == 1


async def test_retry_is_too_late_after_a_while(lab: AuthorityLab) -> None:
    bob = await scene(lab)
    wanted = asking(lab, bob, WHERE)
    await lab.ask(wanted)
    lab.advance(seconds=15)
    await refusal(lab, wanted)


@pytest.mark.parametrize("step", ["cut", "start", "end"])
async def test_retry_of_a_session_that_moved_on_is_refused(lab: AuthorityLab, step: str) -> None:
    bob = await scene(lab)
    wanted = asking(lab, bob, WHERE)
    session_id = SessionId((await lab.ask(wanted)).session_id)
    match step:
        case "cut":
            await lab.store.write(lambda tx: tx.sessions.begin_end(session_id, EndReason.LOCKED, ""))
        case "start":
            await lab.start(session_id)
        case _:
            await lab.end(session_id)
    await refusal(lab, wanted)


async def test_retry_by_another_gateway_is_refused(lab: AuthorityLab) -> None:
    bob = await scene(lab)
    other = await lab.add_gateway("other", "other.example")
    wanted = asking(lab, bob, WHERE)
    await lab.ask(wanted)
    with pytest.raises(SessionRefused):
        await lab.ask(wanted, other)


async def test_signer_that_refuses_leaves_no_open_session(lab: AuthorityLab) -> None:
    bob = await scene(lab)
    wanted = asking(lab, bob, WHERE, session_key=b"no key at all")
    with pytest.raises(DoorwardError):
        await lab.ask(wanted)
    assert await sessions_of(lab) == 0
    (ended,) = await lab.events("session.ended")
    assert ended.fields["how"] == "not signed"


async def test_disabled_user_and_removed_role_open_nothing(lab: AuthorityLab) -> None:
    bob = await scene(lab)
    await lab.declare("kind: user\nversion: v1\nmetadata: {name: bob}\nspec: {roles: [ops], disabled: true}\n")
    await refusal(lab, asking(lab, bob, WHERE))
    await lab.declare("kind: user\nversion: v1\nmetadata: {name: bob}\nspec: {roles: [no-such-role]}\n")
    await refusal(lab, asking(lab, bob, WHERE))
    assert {one.fields["reason"] for one in await lab.events("session.refused")} == {"unknown_subject"}


async def test_locked_user_opens_nothing_and_the_log_says_why(lab: AuthorityLab) -> None:
    bob = await scene(lab)
    await lab.declare("kind: lock\nversion: v1\nmetadata: {name: stop}\nspec: {target: {user: bob}}\n")
    await refusal(lab, asking(lab, bob, WHERE))
    assert (await lab.events("session.refused"))[-1].fields["reason"] == "locked"


async def test_locked_user_is_told_so_and_by_the_same_line_for_every_node(lab: AuthorityLab) -> None:
    bob = await scene(lab)
    lock = "kind: lock\nversion: v1\nmetadata: {name: stop}\nspec: {target: {user: bob%s}, message: incident 7}\n"
    await lab.declare(lock % "")
    lines = {(await refusal(lab, asking(lab, bob, where))).message for where in (WHERE, "dwt-root@no-such-node")}
    assert lines == {"your access is locked: incident 7; ask an administrator"}
    # What names a node or an account as well would tell that they are there.
    await lab.declare(lock % ", login: dwt-root")
    assert "incident" not in (await refusal(lab, asking(lab, bob, WHERE))).message


async def test_clock_behind_the_log_opens_nothing(lab: AuthorityLab) -> None:
    bob = await scene(lab)
    lab.services.clock_guard.look(1_000_000, 10_000_000)
    with pytest.raises(DoorwardError) as caught:
        await open_as(lab, bob, WHERE)
    assert caught.value.code == "clock_behind"


async def test_ended_and_expired_sign_ins_open_nothing(lab: AuthorityLab) -> None:
    bob = await scene(lab)
    await lab.store.write(lambda tx: tx.sign_ins.end(bob.row.id, SignInEnd.SIGNED_OUT, tx.now))
    await refusal(lab, asking(lab, bob, WHERE))
    assert (await lab.events("session.refused"))[-1].fields["reason"] == "sign_in_over"
    again = await lab.sign_in("bob", bob.caller.user_id)
    lab.clock.advance(timedelta(hours=8))
    assert (await refusal(lab, asking(lab, again, WHERE))).code == "bad_proof"
