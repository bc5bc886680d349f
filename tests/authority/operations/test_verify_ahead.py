"""A factor given ahead counts where a role says for how long, for its user, from its address, and nowhere else."""

from dataclasses import replace

import pyotp
import pytest
from tests.support.authority_lab import OPS, AuthorityLab, LabSignIn
from tests.support.enrolments import add_factor, code_at
from tests.support.proofs import asking, open_as

from doorward.api.bodies.sign_ins import VerifyAhead
from doorward.authority.operations.threshold import FactorRequired
from doorward.authority.operations.users import reset_user
from doorward.authority.operations.verify_ahead import FactorRefused, verify_ahead
from doorward.base.errors import Refused

WHERE = "dwt-root@prod-web-01"
ASKS = "  options: {require_session_mfa: true%s}\n"
LASTS = ASKS % ", mfa_verification_interval: 10m"


async def person(lab: AuthorityLab, options: str) -> tuple[LabSignIn, str]:
    await lab.declare(OPS + options)
    await lab.node("prod-web-01", {"env": "prod"})
    bob = await lab.signed_in("bob", "ops")
    return bob, await add_factor(lab, bob.caller.user_id)


async def given(lab: AuthorityLab, who: LabSignIn, code: str) -> None:
    await verify_ahead(lab.services, who.caller, VerifyAhead(code))


async def test_a_factor_given_ahead_opens_sessions_for_the_interval(lab: AuthorityLab) -> None:
    bob, secret = await person(lab, LASTS)
    await given(lab, bob, code_at(lab, secret))
    await open_as(lab, bob, WHERE)
    lab.advance(minutes=9)
    await open_as(lab, bob, WHERE)
    lab.advance(minutes=2)
    with pytest.raises(FactorRequired):
        await lab.ask(asking(lab, bob, WHERE))
    assert [one.fields["purpose"] for one in await lab.events("mfa.verified")] == ["ahead"]


async def test_without_an_interval_each_session_asks(lab: AuthorityLab) -> None:
    bob, secret = await person(lab, ASKS % "")
    await given(lab, bob, code_at(lab, secret))
    with pytest.raises(FactorRequired):
        await lab.ask(asking(lab, bob, WHERE))


async def test_a_sessions_own_code_counts_for_the_next(lab: AuthorityLab) -> None:
    bob, secret = await person(lab, LASTS)
    await open_as(lab, bob, WHERE, factor_code=code_at(lab, secret))
    await open_as(lab, bob, WHERE)


async def test_another_address_or_user_does_not_profit(lab: AuthorityLab) -> None:
    bob, secret = await person(lab, LASTS)
    await given(lab, bob, code_at(lab, secret))
    elsewhere = replace(bob, caller=replace(bob.caller, source="203.0.113.9"))
    wanted = asking(lab, elsewhere, WHERE)
    with pytest.raises(FactorRequired):
        await lab.ask(type(wanted)(wanted.proof, wanted.session_public_key, "203.0.113.9"))
    eve = await lab.signed_in("eve", "ops")
    with pytest.raises(FactorRequired):
        await lab.ask(asking(lab, eve, WHERE))


async def test_a_code_is_spent_and_wrong_ones_are_counted(lab: AuthorityLab) -> None:
    bob, secret = await person(lab, LASTS)
    code = code_at(lab, secret)
    await given(lab, bob, code)
    with pytest.raises(FactorRefused):
        await given(lab, bob, code)
    for number in range(3):
        with pytest.raises(FactorRefused):
            await given(lab, bob, pyotp.TOTP(secret).at(int(lab.clock.now().timestamp()) + 3600 * (number + 5)))
    assert len(await lab.events("user.locked_out")) == 1
    with pytest.raises(Refused):
        await given(lab, bob, code_at(lab, secret, steps=1))


async def test_a_reset_takes_it_back(lab: AuthorityLab) -> None:
    bob, secret = await person(lab, LASTS)
    await given(lab, bob, code_at(lab, secret))
    ada = await lab.signed_in("ada", "admin", "auditor")
    await reset_user(lab.services, ada.caller, "bob")
    assert await lab.read(lambda tx: tx.recent_factors.get(bob.caller.user_id, bob.caller.source)) is None
