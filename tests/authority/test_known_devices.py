"""Marks of devices: for whom they count, and for how long."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.authority.known_devices import KNOWN_FOR, MARK_CHARACTERS_MAX, KnownDevices
from doorward.base.entropy import SeededEntropy
from doorward.base.ids import SignInId, new_id

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
SIGN_IN = SignInId(new_id(SeededEntropy(1)))
DEVICES = KnownDevices(b"m" * 32)
MARK = DEVICES.mark("bob", SIGN_IN, NOW)


def test_a_mark_counts_for_the_name_under_which_it_was_given() -> None:
    assert DEVICES.known(MARK, "bob", NOW) == DEVICES.known(MARK, "BOB", NOW) == SIGN_IN
    assert DEVICES.known(MARK, "carol", NOW) == ""
    assert len(MARK) <= MARK_CHARACTERS_MAX


def test_a_mark_is_forgotten_after_half_a_year() -> None:
    assert DEVICES.known(MARK, "bob", NOW + KNOWN_FOR) == SIGN_IN
    assert DEVICES.known(MARK, "bob", NOW + KNOWN_FOR + timedelta(days=1)) == ""


def test_another_installations_mark_is_none_and_without_a_master_key_there_are_none() -> None:
    assert KnownDevices(b"n" * 32).known(MARK, "bob", NOW) == ""
    nobody = KnownDevices(b"")
    assert nobody.mark("bob", SIGN_IN, NOW) == ""
    assert nobody.known(nobody._mark("bob", SIGN_IN, "1"), "bob", NOW) == ""


@given(at=st.integers(0, len(MARK) - 1), other=st.characters())
def test_a_changed_mark_is_none(at: int, other: str) -> None:
    changed = MARK[:at] + other + MARK[at + 1 :]
    assert (DEVICES.known(changed, "bob", NOW) == SIGN_IN) is (changed == MARK)


@given(text=st.text(max_size=200))
def test_noise_is_no_mark(text: str) -> None:
    assert DEVICES.known(text, "bob", NOW) == ""
    assert DEVICES.known(f"{SIGN_IN}.{text}", "bob", NOW) == ""


@pytest.mark.parametrize("more", ["x", "\n", "\x00"])
def test_a_mark_with_something_behind_it_is_none(more: str) -> None:
    assert DEVICES.known(MARK + more, "bob", NOW) == ""
