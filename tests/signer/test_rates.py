"""Rates: what may come at once, what comes back with time, and nothing without a rate."""

from datetime import UTC, datetime, timedelta

import pytest

from doorward.api.signer.messages import PublicKeys, Request, SignSessionSsh, SignUserSsh
from doorward.api.signer.refusals import RateExceeded
from doorward.base.clock import ManualClock
from doorward.signer.rates import USUAL_RATES, Rate, RateLimits


def spent(limits: RateLimits, kind: type[Request], most: int = 100) -> int:
    for count in range(most):
        try:
            limits.spend(kind)
        except RateExceeded:
            return count
    return most


def test_burst_passes_and_then_the_rate_holds() -> None:
    clock = ManualClock()
    limits = RateLimits({SignUserSsh: Rate(2, 5)}, clock)
    assert spent(limits, SignUserSsh) == 5
    clock.advance(timedelta(seconds=1))
    assert spent(limits, SignUserSsh) == 2
    clock.advance(timedelta(hours=1))
    assert spent(limits, SignUserSsh) == 5


def test_kinds_do_not_share_a_bucket() -> None:
    limits = RateLimits({SignUserSsh: Rate(1, 1), SignSessionSsh: Rate(1, 1)}, ManualClock())
    assert spent(limits, SignUserSsh) == 1
    assert spent(limits, SignSessionSsh) == 1


def test_wall_clock_moved_by_hand_gives_nothing() -> None:
    clock = ManualClock()
    limits = RateLimits({SignUserSsh: Rate(1, 1)}, clock)
    assert spent(limits, SignUserSsh) == 1
    clock.set_wall(datetime(2030, 1, 1, tzinfo=UTC))
    assert spent(limits, SignUserSsh) == 0


def test_kind_without_a_rate_is_refused() -> None:
    with pytest.raises(RateExceeded):
        RateLimits({}, ManualClock()).spend(PublicKeys)


def test_every_kind_of_request_has_a_usual_rate() -> None:
    assert set(USUAL_RATES) == set(Request.__args__)
    assert all(rate.per_second > 0 and rate.burst >= 1 for rate in USUAL_RATES.values())
