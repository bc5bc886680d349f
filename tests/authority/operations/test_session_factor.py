"""The second factor of one session: asked for, spent once, counted when it is wrong."""

import asyncio

import pyotp
import pytest
from tests.support.authority_lab import OPS, AuthorityLab, LabSignIn
from tests.support.enrolments import add_factor, code_at
from tests.support.proofs import asking, open_as

from doorward.api.bodies.gateway_calls import OpenSession
from doorward.authority.gateway_limits import USER_CODES
from doorward.authority.operations.admission import SessionRefused
from doorward.authority.operations.threshold import CodeRefused, CodesBlocked, FactorRequired
from doorward.base.errors import Refused

WHERE = "dwt-root@prod-web-01"


@pytest.fixture
async def bob(lab: AuthorityLab) -> LabSignIn:
    """He may become dwt-root on prod-web-01, with a code for each session."""
    await lab.declare(OPS + "  options: {require_session_mfa: true}\n")
    await lab.node("prod-web-01", {"env": "prod"})
    return await lab.signed_in("bob", "ops")


async def refusal(lab: AuthorityLab, wanted: OpenSession) -> Refused:
    with pytest.raises(Refused) as caught:
        await lab.ask(wanted)
    return caught.value


async def sessions_of(lab: AuthorityLab) -> int:
    return len(await lab.read(lambda tx: tx.sessions.live()))


async def test_session_that_owes_a_factor_says_so(lab: AuthorityLab, bob: LabSignIn) -> None:
    error = await refusal(lab, asking(lab, bob, WHERE))
    assert isinstance(error, FactorRequired)
    assert error.code == "factor_required"
    assert await sessions_of(lab) == 0


async def test_right_code_opens_and_is_spent(lab: AuthorityLab, bob: LabSignIn) -> None:
    code = code_at(lab, await add_factor(lab, bob.caller.user_id))
    await open_as(lab, bob, WHERE, factor_code=code)
    assert [one.fields["purpose"] for one in await lab.events("mfa.verified")] == ["session"]
    again = await refusal(lab, asking(lab, bob, WHERE, factor_code=code))
    assert isinstance(again, CodeRefused)
    assert again.message == "that code was used already; wait for the next one"
    assert await sessions_of(lab) == 1


async def test_one_code_opens_one_of_many_at_once(lab: AuthorityLab, bob: LabSignIn) -> None:
    code = code_at(lab, await add_factor(lab, bob.caller.user_id))
    asked = [asking(lab, bob, WHERE, factor_code=code) for _ in range(5)]
    results = await asyncio.gather(*(lab.ask(one) for one in asked), return_exceptions=True)
    assert sum(not isinstance(one, BaseException) for one in results) == 1


async def test_retry_of_a_session_with_a_factor_gets_the_same_session(lab: AuthorityLab, bob: LabSignIn) -> None:
    code = code_at(lab, await add_factor(lab, bob.caller.user_id))
    wanted = asking(lab, bob, WHERE, factor_code=code)
    assert (await lab.ask(wanted)).session_id == (await lab.ask(wanted)).session_id


async def test_another_users_code_opens_nothing(lab: AuthorityLab, bob: LabSignIn) -> None:
    eve = await lab.signed_in("eve", "ops")
    await add_factor(lab, bob.caller.user_id)
    code = code_at(lab, await add_factor(lab, eve.caller.user_id))
    assert (await refusal(lab, asking(lab, bob, WHERE, factor_code=code))).message == "that code is wrong"


async def test_wrong_codes_are_counted_until_right_ones_are_refused_too(lab: AuthorityLab, bob: LabSignIn) -> None:
    secret = await add_factor(lab, bob.caller.user_id)
    for number in range(4):
        wrong = pyotp.TOTP(secret).at(int(lab.clock.now().timestamp()) + 3600 * (number + 5))
        await refusal(lab, asking(lab, bob, WHERE, factor_code=wrong))
    assert len(await lab.events("factor.failed")) == 4
    assert len(await lab.events("user.locked_out")) == 1
    right = code_at(lab, secret)
    for typed in (right, None):  # whoever is blocked is told so, and not asked for a code first
        blocked = await refusal(lab, asking(lab, bob, WHERE, factor_code=typed))
        assert isinstance(blocked, CodesBlocked)
        assert "too many" in blocked.message
    lab.advance(seconds=31)
    await open_as(lab, bob, WHERE, factor_code=code_at(lab, secret))


async def test_guessing_many_codes_at_once_is_no_way_around_the_count(lab: AuthorityLab, bob: LabSignIn) -> None:
    await add_factor(lab, bob.caller.user_id)
    asked = [asking(lab, bob, WHERE, factor_code=f"{number:06d}") for number in range(int(USER_CODES.burst))]
    results = await asyncio.gather(*(lab.ask(one) for one in asked), return_exceptions=True)
    assert all(isinstance(one, CodeRefused | CodesBlocked) for one in results)
    failures = await lab.read(lambda tx: tx.failures.get(bob.caller.user_id))
    assert failures is not None
    assert failures.blocked_until is not None
    assert failures.failures == 4


async def test_right_code_clears_the_count(lab: AuthorityLab, bob: LabSignIn) -> None:
    secret = await add_factor(lab, bob.caller.user_id)
    await refusal(lab, asking(lab, bob, WHERE, factor_code="000000"))
    await open_as(lab, bob, WHERE, factor_code=code_at(lab, secret))
    assert await lab.read(lambda tx: tx.failures.get(bob.caller.user_id)) is None


async def test_code_is_not_asked_about_when_the_decision_is_no(lab: AuthorityLab, bob: LabSignIn) -> None:
    await add_factor(lab, bob.caller.user_id)
    for _ in range(5):
        assert isinstance(
            await refusal(lab, asking(lab, bob, "nobody@prod-web-01", factor_code="123456")), SessionRefused
        )
    assert await lab.events("factor.failed") == []


async def test_unconfirmed_factor_is_none(lab: AuthorityLab, bob: LabSignIn) -> None:
    code = code_at(lab, await add_factor(lab, bob.caller.user_id, confirmed=False))
    assert (await refusal(lab, asking(lab, bob, WHERE, factor_code=code))).message == "that code is wrong"


async def test_no_code_is_spent_or_counted_for_a_session_that_does_not_open_anyway(
    lab: AuthorityLab, bob: LabSignIn
) -> None:
    await lab.node("prod-web-02", {"env": "prod"}, verified=False)
    await lab.declare(
        OPS + "  options: {require_session_mfa: true, max_connections: 1, mfa_verification_interval: 9m}\n"
    )
    secret = await add_factor(lab, bob.caller.user_id)
    code = code_at(lab, secret)
    unverified = await refusal(lab, asking(lab, bob, "dwt-root@prod-web-02", factor_code=code))
    assert unverified.code == "node_unverified"
    wrong = await refusal(lab, asking(lab, bob, "dwt-root@prod-web-02", factor_code="000000"))
    assert wrong.code == "node_unverified"
    assert await lab.events("mfa.verified", "factor.failed") == []
    assert (await refusal(lab, asking(lab, bob, WHERE))).code == "factor_required"  # it does not count as given lately
    await open_as(lab, bob, WHERE, factor_code=code)
    lab.advance(seconds=60)
    next_code = code_at(lab, secret)
    many = await refusal(lab, asking(lab, bob, WHERE, factor_code=next_code))
    assert many.code == "too_many_sessions"
    (live,) = await lab.read(lambda tx: tx.sessions.live())
    await lab.end(live.id)
    lab.advance(minutes=10)
    assert (await refusal(lab, asking(lab, bob, WHERE))).code == "factor_required"


async def test_plan_says_how_long_the_factor_counts(lab: AuthorityLab, bob: LabSignIn) -> None:
    await lab.declare(OPS + "  options: {require_session_mfa: true, mfa_verification_interval: 10m}\n")
    code = code_at(lab, await add_factor(lab, bob.caller.user_id))
    wanted = asking(lab, bob, WHERE, factor_code=code)
    assert (await lab.ask(wanted)).factor_remaining_seconds == 600
    lab.advance(seconds=10)
    assert (await lab.ask(wanted)).factor_remaining_seconds == 590  # told again, from when it was given
    lab.advance(seconds=230)
    plan = await open_as(lab, bob, WHERE)
    assert plan.factor_remaining_seconds == 360


async def test_factor_for_this_very_session_counts_as_long_as_it_lasts(lab: AuthorityLab, bob: LabSignIn) -> None:
    code = code_at(lab, await add_factor(lab, bob.caller.user_id))
    assert (await open_as(lab, bob, WHERE, factor_code=code)).factor_remaining_seconds is None


async def test_where_no_factor_is_asked_for_none_runs_out(lab: AuthorityLab, bob: LabSignIn) -> None:
    await lab.declare(OPS + "  options: {mfa_verification_interval: 10m}\n")
    assert (await open_as(lab, bob, WHERE)).factor_remaining_seconds is None
