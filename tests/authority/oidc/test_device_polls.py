"""The pace of device flows, and the seal around their codes."""

from datetime import timedelta

import pytest

from doorward.authority.oidc.device_codes import NotTheSecret, seal, unseal
from doorward.authority.oidc.device_polls import FLOWS_MAX, INTERVAL_SECONDS_MAX, DevicePolls
from doorward.authority.oidc.refresh_tokens import KEPT_MAX, RefreshTokens
from doorward.base.clock import ManualClock
from doorward.base.entropy import SeededEntropy
from doorward.base.ids import SignInId
from doorward.base.secret import Secret


def test_a_flow_is_asked_about_at_its_interval_and_later_when_the_provider_says_so() -> None:
    clock = ManualClock()
    polls = DevicePolls(clock)
    polls.begin("f", 5)
    assert not polls.may_ask("f")
    clock.advance(timedelta(seconds=5))
    assert polls.may_ask("f")
    assert not polls.may_ask("f")
    polls.slow_down("f")
    assert polls.interval_seconds("f") == 10
    clock.advance(timedelta(seconds=9))
    assert not polls.may_ask("f")
    clock.advance(timedelta(seconds=1))
    assert polls.may_ask("f")
    for _ in range(100):
        polls.slow_down("f")
    assert polls.interval_seconds("f") == INTERVAL_SECONDS_MAX


def test_an_unknown_flow_goes_at_the_standards_pace_and_flows_are_not_kept_without_end() -> None:
    clock = ManualClock()
    polls = DevicePolls(clock)
    assert polls.may_ask("from another authority")
    assert not polls.may_ask("from another authority")
    for number in range(FLOWS_MAX + 1):
        polls.begin(str(number), 5)
    assert polls.may_ask("0")  # forgotten, so it begins anew
    polls.forget("1")
    assert polls.interval_seconds("1") == 5


def test_a_sealed_code_opens_with_its_secret_alone() -> None:
    sealed = seal(SeededEntropy(1), "secret", Secret("code"))
    assert b"code" not in sealed
    assert unseal(sealed, "secret").reveal() == b"code"
    for one, secret in ((sealed, "Secret"), (sealed[:-1], "secret"), (b"", "secret"), (bytes(40), "secret")):
        with pytest.raises(NotTheSecret):
            unseal(one, secret)


def test_the_newest_refresh_token_is_kept_and_not_too_many_are() -> None:
    kept = RefreshTokens()
    for number in range(KEPT_MAX + 1):
        kept.keep(SignInId(str(number)), Secret(str(number)))
    kept.keep(SignInId("1"), Secret("newer"))
    assert kept.get(SignInId("0")) is None
    assert kept.get(SignInId("1")) == Secret("newer")
    assert len(kept.held()) == KEPT_MAX
    kept.forget(kept.held())
    assert kept.held() == ()
