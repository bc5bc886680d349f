"""Back-off before anyone is known: it grows, it forgets, and its memory is bounded."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.authority import throttle as module
from doorward.authority.throttle import (
    ACCOUNT_FAILURES_MAX,
    ACCOUNT_FORGIVES_EACH_SECONDS,
    FREE_FAILURES,
    WAIT_MAX_SECONDS,
    SignInThrottle,
    Way,
    network_of,
)
from doorward.base.clock import ManualClock

SOURCE = "192.0.2.7"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def throttle(clock: ManualClock) -> SignInThrottle:
    return SignInThrottle(clock)


def fail(throttle: SignInThrottle, times: int, account: str = "bob", source: str = SOURCE) -> None:
    for _ in range(times):
        throttle.failed(account, source, "password")


def test_first_failures_cost_nothing(throttle: SignInThrottle) -> None:
    fail(throttle, FREE_FAILURES)
    assert throttle.wait_seconds("bob", SOURCE) == 0


def test_wait_doubles_with_each_failure_up_to_a_limit(throttle: SignInThrottle) -> None:
    fail(throttle, FREE_FAILURES)
    waits = []
    for _ in range(12):
        fail(throttle, 1)
        waits.append(throttle.wait_seconds("bob", SOURCE))
    assert waits[:5] == [1, 2, 4, 8, 16]
    assert max(waits) == waits[-1] == WAIT_MAX_SECONDS


def test_wait_passes(throttle: SignInThrottle, clock: ManualClock) -> None:
    fail(throttle, FREE_FAILURES + 3)
    clock.advance(timedelta(seconds=4))
    assert throttle.wait_seconds("bob", SOURCE) == 0


def test_wall_clock_set_back_shortens_and_lengthens_nothing(throttle: SignInThrottle, clock: ManualClock) -> None:
    fail(throttle, FREE_FAILURES + 3)
    clock.set_wall(clock.now() + timedelta(days=365))
    assert throttle.wait_seconds("bob", SOURCE) == 4


def test_account_is_counted_without_regard_to_case(throttle: SignInThrottle) -> None:
    fail(throttle, 3, "bob")
    fail(throttle, 3, "BOB")
    assert throttle.wait_seconds("Bob", SOURCE) > 0


def test_neighbours_share_a_count_and_strangers_do_not(throttle: SignInThrottle) -> None:
    fail(throttle, FREE_FAILURES + 1)
    assert throttle.wait_seconds("bob", "192.0.2.200") > 0
    assert throttle.wait_seconds("bob", "192.0.3.7") == 0
    assert throttle.wait_seconds("carol", SOURCE) == 0


def test_success_clears_its_own_key_only(throttle: SignInThrottle) -> None:
    fail(throttle, FREE_FAILURES + 1, "bob")
    fail(throttle, FREE_FAILURES + 1, "carol")
    throttle.succeeded("bob", SOURCE)
    assert throttle.wait_seconds("bob", SOURCE) == 0
    assert throttle.wait_seconds("carol", SOURCE) > 0


def test_each_way_in_has_accounts_of_its_own(throttle: SignInThrottle) -> None:
    for _ in range(FREE_FAILURES + 1):
        throttle.failed("bob", SOURCE, "enrolment factor", Way.ENROLMENT)
    assert throttle.wait_seconds("bob", SOURCE) == 0
    assert throttle.wait_seconds("bob", SOURCE, Way.ENROLMENT) > 0
    throttle.succeeded("bob", SOURCE)
    assert throttle.wait_seconds("bob", SOURCE, Way.ENROLMENT) > 0


def test_what_is_only_noted_slows_nobody(throttle: SignInThrottle) -> None:
    for _ in range(2 * module.NETWORK_FAILURES_MAX):
        throttle.noted(SOURCE, "oidc_refused")
    assert throttle.wait_seconds("bob", SOURCE) == 0
    (summary,) = throttle.take_summaries(everything=True)
    assert (summary.attempts, summary.names) == (2 * module.NETWORK_FAILURES_MAX, [])


def test_failures_are_forgotten_after_an_hour(throttle: SignInThrottle, clock: ManualClock) -> None:
    fail(throttle, FREE_FAILURES)
    clock.advance(timedelta(hours=1, seconds=1))
    fail(throttle, 1)
    assert throttle.wait_seconds("bob", SOURCE) == 0


def test_memory_is_bounded(throttle: SignInThrottle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEYS_MAX", 50)
    monkeypatch.setattr(module, "SOURCES_MAX", 20)
    for number in range(500):
        throttle.failed(f"user{number}", f"10.{number // 250}.{number % 250}.1", "password")
    assert len(throttle._failures) == 50
    summaries = throttle.take_summaries(everything=True)
    assert len(summaries) <= 21
    assert sum(one.attempts for one in summaries) == 500


def test_summary_counts_reasons_and_samples_few_names(throttle: SignInThrottle, clock: ManualClock) -> None:
    for number in range(9):
        throttle.failed(f"user{number}" + "x" * 100, SOURCE, "password" if number % 3 else "code")
    clock.advance(timedelta(minutes=1))
    (summary,) = throttle.take_summaries()
    assert (summary.attempts, dict(summary.reasons)) == (9, {"code": 3, "password": 6})
    assert len(summary.names) == 5
    assert all(len(name) <= 64 for name in summary.names)
    assert throttle.take_summaries() == []


def test_one_long_name_is_sampled_once(throttle: SignInThrottle) -> None:
    fail(throttle, 4, "x" * 100)
    (summary,) = throttle.take_summaries(everything=True)
    assert summary.names == ["x" * 64]


@pytest.mark.parametrize(
    ("source", "network"),
    [
        ("192.0.2.7", "192.0.2.0/24"),
        ("::ffff:192.0.2.7", "192.0.2.0/24"),
        ("2001:db8:1:2ff::1", "2001:db8:1:200::/56"),
        ("fe80::1%eth0", "fe80::/56"),
        ("local", "unknown"),
        ("", "unknown"),
    ],
)
def test_network_of_an_address(source: str, network: str) -> None:
    assert network_of(source) == network


@given(st.one_of(st.ip_addresses().map(str), st.text(max_size=50)))
def test_any_source_has_a_network(source: str) -> None:
    assert network_of(source)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(["bob", "carol"]), st.sampled_from([SOURCE, "198.51.100.1"])), max_size=40))
def test_wait_of_one_key_depends_on_its_own_failures_alone_while_the_network_is_quiet(
    attempts: list[tuple[str, str]],
) -> None:
    both, alone = SignInThrottle(ManualClock()), SignInThrottle(ManualClock())
    for account, source in attempts:
        both.failed(account, source, "password")
        if (account, source) == ("bob", SOURCE):
            alone.failed(account, source, "password")
    assert both.wait_seconds("bob", SOURCE) == alone.wait_seconds("bob", SOURCE)


def test_attempt_under_way_counts_until_it_is_given_back(throttle: SignInThrottle) -> None:
    for _ in range(FREE_FAILURES + 1):
        assert throttle.wait_seconds("bob", SOURCE) == 0
        throttle.begun("bob", SOURCE)
    assert throttle.wait_seconds("bob", SOURCE) > 0
    throttle.given_back("bob", SOURCE)
    assert throttle.wait_seconds("bob", SOURCE) == 0


def test_success_takes_back_what_was_begun(throttle: SignInThrottle) -> None:
    for _ in range(10 * module.NETWORK_FAILURES_MAX):
        throttle.begun("bob", SOURCE)
        throttle.succeeded("bob", SOURCE)
    assert throttle.wait_seconds("bob", SOURCE) == 0
    assert throttle.wait_seconds("carol", SOURCE) == 0


def test_one_guess_at_each_of_many_names_is_slowed_too(throttle: SignInThrottle, clock: ManualClock) -> None:
    for number in range(module.NETWORK_FAILURES_MAX):
        assert throttle.wait_seconds("bob", SOURCE) == 0
        throttle.failed(f"user{number}", SOURCE, "password")
    assert throttle.wait_seconds("bob", SOURCE) == module.NETWORK_FORGIVES_EACH_SECONDS
    assert throttle.wait_seconds("bob", "192.0.3.7") == 0
    clock.advance(timedelta(seconds=module.NETWORK_FORGIVES_EACH_SECONDS))
    assert throttle.wait_seconds("bob", SOURCE) == 0


def test_memory_of_networks_is_bounded(throttle: SignInThrottle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEYS_MAX", 50)
    for number in range(200):
        throttle.begun("bob", f"10.0.{number}.1")
    assert len(throttle._networks) == 50


# --- one account, from everywhere ---


def guess_from_everywhere(throttle: SignInThrottle, times: int, account: str = "bob", device: str = "") -> None:
    """Each guess from a network of its own, so that no back-off by network is met."""
    for number in range(times):
        source = f"10.{number // 250}.{number % 250}.1"
        assert throttle.wait_seconds(account, source) == 0
        throttle.begun(account, source, device=device)


def test_guesses_from_everywhere_meet_a_slow_ceiling(throttle: SignInThrottle, clock: ManualClock) -> None:
    guess_from_everywhere(throttle, ACCOUNT_FAILURES_MAX - 1)
    assert throttle.wait_everywhere_seconds("bob") == 0
    throttle.begun("BOB", "172.16.0.1")
    assert throttle.wait_everywhere_seconds("bob") == ACCOUNT_FORGIVES_EACH_SECONDS
    clock.advance(timedelta(seconds=ACCOUNT_FORGIVES_EACH_SECONDS))
    assert throttle.wait_everywhere_seconds("Bob") == 0
    assert throttle.wait_everywhere_seconds("carol") == 0


def test_a_botnet_gets_no_more_guesses_in_a_day_than_the_ceiling_gives(
    throttle: SignInThrottle, clock: ManualClock
) -> None:
    guesses = 0
    for minute in range(24 * 60):
        for number in range(10):
            source = f"10.{minute % 250}.{number}.1"
            if throttle.wait_seconds("bob", source) == 0 and throttle.wait_everywhere_seconds("bob") == 0:
                throttle.begun("bob", source)
                guesses += 1
        clock.advance(timedelta(minutes=1))
    assert guesses <= ACCOUNT_FAILURES_MAX + 24 * 3600 / ACCOUNT_FORGIVES_EACH_SECONDS


def test_a_known_device_is_not_shut_out_by_what_others_guess(throttle: SignInThrottle) -> None:
    guess_from_everywhere(throttle, 3 * ACCOUNT_FAILURES_MAX)
    assert throttle.wait_everywhere_seconds("bob") > 0
    assert throttle.wait_everywhere_seconds("bob", "laptop") == 0


def test_a_stolen_mark_guesses_as_slowly_as_everybody_and_shuts_out_no_other_device(throttle: SignInThrottle) -> None:
    guess_from_everywhere(throttle, ACCOUNT_FAILURES_MAX, device="stolen")
    assert throttle.wait_everywhere_seconds("bob", "stolen") > 0
    assert throttle.wait_everywhere_seconds("bob", "laptop") == 0
    assert throttle.wait_everywhere_seconds("bob") == 0


def test_a_success_gives_back_its_own_attempt_and_no_others_guesses(throttle: SignInThrottle) -> None:
    guess_from_everywhere(throttle, ACCOUNT_FAILURES_MAX)
    for finish in (throttle.succeeded, throttle.given_back):
        throttle.begun("bob", SOURCE)
        finish("bob", SOURCE)
        assert throttle.wait_everywhere_seconds("bob") == ACCOUNT_FORGIVES_EACH_SECONDS


def test_codes_of_an_enrolment_do_not_count_for_the_account_of_that_name(throttle: SignInThrottle) -> None:
    for number in range(2 * ACCOUNT_FAILURES_MAX):
        throttle.begun("bob", f"10.0.{number}.1", Way.ENROLMENT)
    assert throttle.wait_everywhere_seconds("bob") == 0


def test_memory_of_accounts_is_bounded_and_the_one_under_attack_is_kept(
    throttle: SignInThrottle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEYS_MAX", 50)
    for number in range(500):
        throttle.begun("bob", f"10.0.{number % 250}.1")
        throttle.begun(f"user{number}", f"10.1.{number % 250}.1")
    assert len(throttle._accounts) == 50
    assert throttle.wait_everywhere_seconds("bob") > 0
