"""Durations as people write them: `90s`, `30m`, `8h`, `1h30m`, `2d`.

Units descend, each at most once, whole numbers only; a bare number has no unit and is refused, since nobody remembers
whether it meant seconds or minutes.
"""

import re
from datetime import timedelta
from typing import Final

from doorward.base.errors import Invalid

_PATTERN: Final = re.compile(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,7})s)?", re.ASCII)
DURATION_MAX: Final = timedelta(days=3650)


def parse_duration(text: str) -> timedelta:
    """A positive or zero duration up to ten years; `Invalid` otherwise. `0s` and `0` are both zero."""
    if text == "0":
        return timedelta()
    match = _PATTERN.fullmatch(text)
    if match is None or not text:
        raise Invalid("reading a duration: write it like 90s, 30m, 8h, 1h30m or 2d")
    days, hours, minutes, seconds = (int(group or 0) for group in match.groups())
    value = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if value > DURATION_MAX:
        raise Invalid("reading a duration: ten years is the longest")
    return value


def format_duration(value: timedelta) -> str:
    """The shortest text that `parse_duration` reads back; fractions of a second are dropped."""
    seconds_left = int(value.total_seconds())
    if seconds_left < 0:
        raise ValueError("a duration is not negative")
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, seconds_left = divmod(seconds_left, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
