"""A clock behind its own log signs nothing until it has caught up."""

import pytest

from doorward.authority.clock_guard import BEHIND_MICROS_MAX, ClockBehind, ClockGuard


def test_new_guard_and_small_steps_back_pass() -> None:
    guard = ClockGuard()
    guard.check()
    guard.look(10_000_000, 10_000_000 + BEHIND_MICROS_MAX)
    guard.check()


def test_clock_behind_the_log_is_refused_until_it_caught_up() -> None:
    guard = ClockGuard()
    guard.look(10_000_000, 15_000_000)
    with pytest.raises(ClockBehind, match="5 seconds behind"):
        guard.check()
    guard.look(14_000_000, 15_000_000)
    guard.check()


def test_clock_ahead_of_the_log_is_as_it_should_be() -> None:
    guard = ClockGuard()
    guard.look(10**15, 0)
    guard.check()
