"""Whether the circumstances meet the demands at the door."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support.policy import NOW

from doorward.domain.access.levels import DeviceTrust, SecondFactor
from doorward.domain.access.obligations import Obligations
from doorward.domain.access.question import Context, RecentFactor
from doorward.domain.access.readiness import Unmet, unmet

ASKS = Obligations(require_session_mfa=SecondFactor.YES)
STRONG = Obligations(require_session_mfa=SecondFactor.WEBAUTHN)


def test_nothing_is_owed_when_nothing_is_asked() -> None:
    assert unmet(Obligations(), Context(), NOW) == ()


def test_factor_given_for_this_session_must_be_strong_enough() -> None:
    assert unmet(ASKS, Context(), NOW) == (Unmet.SECOND_FACTOR,)
    assert unmet(ASKS, Context(mfa=SecondFactor.YES), NOW) == ()
    assert unmet(STRONG, Context(mfa=SecondFactor.YES), NOW) == (Unmet.WEBAUTHN,)
    assert unmet(STRONG, Context(mfa=SecondFactor.WEBAUTHN), NOW) == ()


@pytest.mark.parametrize(
    ("minutes_ago", "level", "address", "owed"),
    [
        (5, SecondFactor.YES, "192.0.2.1", False),
        (10, SecondFactor.YES, "192.0.2.1", False),
        (11, SecondFactor.YES, "192.0.2.1", True),
        (-1, SecondFactor.YES, "192.0.2.1", True),
        (5, SecondFactor.NO, "192.0.2.1", True),
        (5, SecondFactor.YES, "192.0.2.2", True),
    ],
)
def test_recent_factor_counts_within_the_interval_from_the_same_address(
    minutes_ago: int, level: SecondFactor, address: str, owed: bool
) -> None:
    obligations = replace(ASKS, mfa_verification_interval=timedelta(minutes=10))
    recent = RecentFactor(level, NOW - timedelta(minutes=minutes_ago), address)
    context = Context(recent_factor=recent, source_address="192.0.2.1")
    assert bool(unmet(obligations, context, NOW)) is owed
    assert unmet(ASKS, context, NOW) == (Unmet.SECOND_FACTOR,)  # without an interval only this session counts


@pytest.mark.parametrize(
    ("trust", "machine", "verified", "owed"),
    [
        (DeviceTrust.OFF, False, False, False),
        (DeviceTrust.OPTIONAL, False, False, False),
        (DeviceTrust.REQUIRED_FOR_HUMANS, False, False, True),
        (DeviceTrust.REQUIRED_FOR_HUMANS, True, False, False),
        (DeviceTrust.REQUIRED, True, False, True),
        (DeviceTrust.REQUIRED, False, True, False),
    ],
)
def test_device_is_asked_of_whom_the_role_says(trust: DeviceTrust, machine: bool, verified: bool, owed: bool) -> None:
    found = unmet(Obligations(device_trust=trust), Context(device_verified=verified), NOW, machine=machine)
    assert found == ((Unmet.TRUSTED_DEVICE,) if owed else ())


def test_pinned_address_must_be_known_and_the_same() -> None:
    pinned = Obligations(pin_source_ip=True)
    same = Context(source_address="192.0.2.1", signed_in_from="192.0.2.1")
    assert unmet(pinned, same, NOW) == ()
    assert unmet(pinned, replace(same, source_address="192.0.2.2"), NOW) == (Unmet.SOURCE_ADDRESS,)
    assert unmet(pinned, Context(), NOW) == (Unmet.SOURCE_ADDRESS,)
