"""One gateway can ask for so much and no more, and one that lies is shut out for a while."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.api.bodies.gateway_calls import NOTES_MAX
from doorward.authority import gateway_limits
from doorward.authority.gateway_limits import (
    FAILED_PROOFS_MAX,
    RATES,
    TOLD_EACH_SECONDS,
    USER_NOTES,
    USER_OPENINGS,
    WINDOW_SECONDS,
    GatewayLimits,
    GatewayTooFast,
    UserTooFast,
    Work,
)
from doorward.base.clock import ManualClock
from doorward.base.ids import GatewayId, UserId

OPENINGS = RATES[Work.OPENINGS]
ONE = GatewayId("a" * 26)
OTHER = GatewayId("b" * 26)
BOB = UserId("c" * 26)
EVE = UserId("d" * 26)


def test_a_burst_is_bounded_and_refills_with_time() -> None:
    clock = ManualClock()
    limits = GatewayLimits(clock)
    for _ in range(int(OPENINGS.burst)):
        limits.check(ONE)
    with pytest.raises(GatewayTooFast):
        limits.check(ONE)
    limits.check(OTHER)
    clock.advance(timedelta(seconds=1))
    for _ in range(int(OPENINGS.per_second)):
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
    assert opened <= OPENINGS.burst + sum(waits) * OPENINGS.per_second + 1


@pytest.mark.parametrize("work", list(Work))
def test_each_kind_of_work_has_a_share_of_its_own(work: Work) -> None:
    limits = GatewayLimits(ManualClock())
    limits.take(ONE, work, int(RATES[work].burst))
    with pytest.raises(GatewayTooFast):
        limits.take(ONE, work)
    limits.take(OTHER, work)
    for another in set(Work) - {work}:
        limits.take(ONE, another)


def test_what_is_more_than_a_burst_waits_for_a_full_bucket_and_is_paid_for_later() -> None:
    clock = ManualClock()
    limits = GatewayLimits(clock)
    rate = RATES[Work.NOTES]
    limits.take(ONE, Work.NOTES, int(rate.burst) * 2)
    clock.advance(timedelta(seconds=rate.burst / rate.per_second))
    with pytest.raises(GatewayTooFast):
        limits.take(ONE, Work.NOTES)


def test_one_user_does_not_use_up_what_others_may_open_at_the_gateway() -> None:
    limits = GatewayLimits(ManualClock())
    for _ in range(int(USER_OPENINGS.burst)):
        limits.check_user(ONE, BOB)
    with pytest.raises(UserTooFast):
        limits.check_user(ONE, BOB)
    limits.check_user(ONE, EVE)
    limits.check_user(OTHER, BOB)  # what a bad gateway makes of a user's proof is felt there alone
    assert USER_OPENINGS.burst < OPENINGS.burst


def test_one_user_does_not_use_up_what_others_sessions_may_tell() -> None:
    clock = ManualClock()
    limits = GatewayLimits(clock)
    most = int(USER_NOTES.burst)
    limits.take_notes(ONE, BOB, most)
    with pytest.raises(UserTooFast):
        limits.take_notes(ONE, BOB, 1)
    limits.take_notes(ONE, EVE, most)
    limits.take_notes(OTHER, BOB, most)
    clock.advance(timedelta(seconds=1))
    limits.take_notes(ONE, BOB, int(USER_NOTES.per_second))
    with pytest.raises(UserTooFast):
        limits.take_notes(ONE, BOB, 1)
    assert USER_NOTES.per_second * 4 <= RATES[Work.NOTES].per_second
    assert USER_NOTES.burst >= NOTES_MAX  # one report always fits


def test_what_the_gateway_is_refused_its_user_does_not_pay_for() -> None:
    clock = ManualClock()
    limits = GatewayLimits(clock)
    limits.take(ONE, Work.NOTES, int(RATES[Work.NOTES].burst))
    for _ in range(int(USER_NOTES.burst)):
        with pytest.raises(GatewayTooFast):
            limits.take_notes(ONE, BOB, NOTES_MAX)
    clock.advance(timedelta(seconds=1))
    limits.take_notes(ONE, BOB, NOTES_MAX)


def test_of_many_refusals_one_a_minute_is_told() -> None:
    clock = ManualClock()
    limits = GatewayLimits(clock)
    limits.take(ONE, Work.FACES, int(RATES[Work.FACES].burst))
    assert [refused(limits) for _ in range(3)] == [False, True, True]
    clock.advance(timedelta(seconds=TOLD_EACH_SECONDS))
    limits.take(ONE, Work.FACES, int(RATES[Work.FACES].burst))
    assert [refused(limits) for _ in range(2)] == [False, True]


def refused(limits: GatewayLimits) -> bool:
    with pytest.raises(GatewayTooFast) as caught:
        limits.take(ONE, Work.FACES)
    return caught.value.is_told


def test_counts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_limits, "USERS_MAX", 5)
    monkeypatch.setattr(gateway_limits, "GATEWAYS_MAX", 5)
    limits = GatewayLimits(ManualClock())
    for number in range(100):
        gateway_id, user_id = GatewayId(f"{number:026}"), UserId(f"{number:026}")
        limits.failed(gateway_id)
        limits.check_user(gateway_id, user_id)
        limits.take_notes(gateway_id, user_id, 1)
        for work in Work:
            limits.take(gateway_id, work)
    assert limits.keys_held <= 5 + 5 + 5 + 5 * len(Work)
