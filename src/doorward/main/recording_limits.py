"""How much of recordings a gateway keeps until they are shipped, as operators write it: `recording` in doorward.yaml.

Sizes are whole numbers with a unit: `512MiB`, `4GiB`, `1TiB`. A gateway's own file holds the same words, so that the
operator of a gateway on another host edits them there.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from doorward.base.errors import Invalid
from doorward.gateway.recorder.budget import LOOK_EVERY_BYTES, MIB, RecorderLimits

UNITS: Final = {"MiB": MIB, "GiB": 1024 * MIB, "TiB": 1024 * 1024 * MIB}
SIZE_MAX: Final = 1024 * UNITS["TiB"]
# Below this a burst between two looks at the disk could use up the reserve.
RESERVE_MIN: Final = 8 * LOOK_EVERY_BYTES
FIELDS: Final = {
    "session_max": "session_bytes_max",
    "person_max": "person_bytes_max",
    "resource_max": "resource_bytes_max",
    "disk_reserve": "reserve_bytes",
}
_SIZE: Final = re.compile(r"([1-9][0-9]{0,6})(MiB|GiB|TiB)", re.ASCII)


class BadLimits(Invalid):
    """The limits of recordings are wrong, or contradict each other."""

    code = "bad_limits"


def parse_limits(value: object) -> RecorderLimits:
    """Limits from a mapping; what it does not name keeps its default. `BadLimits` names the field."""
    if not isinstance(value, Mapping) or not set(value) <= set(FIELDS):
        raise BadLimits(f"reading recording: a mapping of {', '.join(FIELDS)} is expected")
    limits = replace(RecorderLimits(), **{FIELDS[name]: _size(name, text) for name, text in value.items()})
    if limits.session_bytes_max < limits.short_bytes:
        raise BadLimits("reading recording: session_max is at least 16MiB")
    if limits.session_bytes_max > min(limits.person_bytes_max, limits.resource_bytes_max):
        raise BadLimits("reading recording: session_max is not more than person_max and resource_max")
    if limits.reserve_bytes < RESERVE_MIN:
        raise BadLimits(f"reading recording: disk_reserve is at least {_text(RESERVE_MIN)}")
    return limits


def dump_limits(limits: RecorderLimits) -> dict[str, str]:
    """The mapping that `parse_limits` reads back."""
    return {name: _text(getattr(limits, field)) for name, field in FIELDS.items()}


def _size(name: str, text: object) -> int:
    match = _SIZE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise BadLimits(f"reading recording.{name}: a size is expected, as in 512MiB, 4GiB or 1TiB")
    size = int(match[1]) * UNITS[match[2]]
    if size > SIZE_MAX:
        raise BadLimits(f"reading recording.{name}: 1024TiB is the most")
    return size


def _text(size_bytes: int) -> str:
    return f"{size_bytes // MIB}MiB"
