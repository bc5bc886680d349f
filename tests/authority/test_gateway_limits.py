"""One gateway can ask for so much and no more, and one that lies is shut out for a while."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.authority.gateway_limits import (
    FAILED_PROOFS_MAX,
    OPENINGS_BURST,
    OPENINGS_PER_SECOND,
    WINDOW_SECONDS,
    GatewayLimits,
    GatewayTooFast,
)
from doorward.base.clock import ManualClock
from doorward.base.ids import GatewayId

ONE = GatewayId("a" * 26)
OTHER = GatewayId("b" * 26)


def test_a_burst_is_bounded_and_refills_with_time() -> None:
    clock = ManualClock()
    limits = GatewayLimits(clock)
    for _ in range(int(OPENINGS_BURST)):
        limits.check(ONE)
    with pytest.raises(GatewayTooFast):
        limits.check(ONE)
    limits.check(OTHER)
    clock.advance(timedelta(seconds=1))
    for _ in range(int(OPENINGS_PER_SECOND)):
        limits.check(ONE)
    with pytest.raises(GatewayTooFast):
        limits.check(ONE)


def test_failed_proofs_shut_one_gateway_out_for_a_minute_and_no_other() -> None:
    clock = ManualClock()
    limits = GatewayLimits(clock)
    told = [limits.failed(ONE) for _ in range(FAILED_PROOFS_MAX + 3)]
    assert told.count(True) == 1
    with pytest.raises(GatewayTooFast):
        limits.check(ONE)
    limits.check(OTHER)
    clock.advance(timedelta(seconds=WINDOW_SECONDS))
    limits.check(ONE)


@given(st.lists(st.floats(min_value=0, max_value=3), max_size=200))
def test_no_pattern_of_waiting_opens_more_than_rate_and_burst(waits: list[float]) -> None:
    clock = ManualClock()
    limits = GatewayLimits(clock)
    opened = 0
    for wait in waits:
        clock.advance(timedelta(seconds=wait))
        for _ in range(700):
            try:
                limits.check(ONE)
            except GatewayTooFast:
                break
            opened += 1
    assert opened <= OPENINGS_BURST + sum(waits) * OPENINGS_PER_SECOND + 1
