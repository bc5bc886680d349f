"""Limits of recordings are read whole, every mistake is named, and what is written is read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.gateway.recorder.budget import MIB, RecorderLimits
from doorward.main.recording_limits import BadLimits, dump_limits, parse_limits


def test_what_is_not_named_keeps_its_default() -> None:
    assert parse_limits({}) == RecorderLimits()
    limits = parse_limits({"session_max": "1GiB", "disk_reserve": "64MiB"})
    assert (limits.session_bytes_max, limits.reserve_bytes) == (1024 * MIB, 64 * MIB)
    assert limits.person_bytes_max == RecorderLimits().person_bytes_max


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (None, "session_max, person_max, resource_max, disk_reserve"),
        ([], "session_max, person_max"),
        ({"session": "1GiB"}, "session_max"),
        ({"session_max": 5}, "recording.session_max"),
        ({"session_max": "4G"}, "recording.session_max"),
        ({"session_max": "0GiB"}, "recording.session_max"),
        ({"session_max": "-1GiB"}, "recording.session_max"),
        ({"session_max": "1.5GiB"}, "recording.session_max"),
        ({"session_max": "4GiB\n"}, "recording.session_max"),
        ({"person_max": "٤GiB"}, "recording.person_max"),
        ({"resource_max": "9999999TiB"}, "recording.resource_max"),
        ({"session_max": "15MiB"}, "at least 16MiB"),
        ({"session_max": "20GiB"}, "not more than person_max"),
        ({"resource_max": "1GiB"}, "resource_max"),
        ({"disk_reserve": "31MiB"}, "at least 32MiB"),
    ],
)
def test_every_mistake_is_named(value: object, named: str) -> None:
    with pytest.raises(BadLimits, match=named):
        parse_limits(value)


SIZES = st.integers(32, 10**6)


@given(session=SIZES, person=SIZES, resource=SIZES, reserve=SIZES)
def test_what_is_written_is_read_back(session: int, person: int, resource: int, reserve: int) -> None:
    limits = RecorderLimits(
        session_bytes_max=session * MIB,
        person_bytes_max=(session + person) * MIB,
        resource_bytes_max=(session + resource) * MIB,
        reserve_bytes=reserve * MIB,
    )
    assert parse_limits(dump_limits(limits)) == limits
