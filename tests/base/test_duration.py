"""Durations read as people write them, or not at all."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.base.duration import DURATION_MAX, format_duration, parse_duration
from doorward.base.errors import Invalid


@given(st.integers(min_value=0, max_value=int(DURATION_MAX.total_seconds())))
def test_what_is_formatted_reads_back(seconds: int) -> None:
    value = timedelta(seconds=seconds)
    assert parse_duration(format_duration(value)) == value


@given(st.text(max_size=12))
def test_any_text_is_a_duration_within_bounds_or_invalid(text: str) -> None:
    try:
        value = parse_duration(text)
    except Invalid:
        return
    assert timedelta() <= value <= DURATION_MAX


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("0s", 0), ("90s", 90), ("30m", 1800), ("1h30m", 5400), ("2d", 172_800)]
)
def test_reads(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", " ", "30", "-1h", "1.5h", "1h 30m", "30m1h", "1h1h", "1H", "1w", "٣h", "1h\n", "3651d", "9999999d"]
)
def test_refuses(text: str) -> None:
    with pytest.raises(Invalid):
        parse_duration(text)


def test_formats_the_shortest_text_and_no_negative_one() -> None:
    assert format_duration(timedelta(seconds=3661)) == "1h1m1s"
    assert format_duration(timedelta(milliseconds=1999)) == "1s"
    assert format_duration(timedelta()) == "0s"
    with pytest.raises(ValueError, match="not negative"):
        format_duration(timedelta(seconds=-1))
