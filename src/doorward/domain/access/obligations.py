"""What an allow demands, as one value that merges by strictest wins, field by field.

It travels inside the session plan: `dump` and `load` are exact inverses over plain JSON values (seconds, texts,
truths), and `load` refuses what it does not know, since an obligation that is dropped on the way is an open door.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from doorward.base.duration import DURATION_MAX
from doorward.base.errors import Invalid
from doorward.domain.access.levels import DeviceTrust, SecondFactor, device_trust, recording_level, second_factor
from doorward.domain.recording.levels import RecordingLevel

COUNT_MAX: Final = 1_000_000
NO_TIME: Final = timedelta()


@dataclass(frozen=True, slots=True)
class Obligations:
    """Every obligation of one session. The defaults hold where no matching role says anything."""

    max_session_ttl: timedelta = timedelta(hours=8)
    client_idle_timeout: timedelta = timedelta(minutes=30)
    max_sessions: int = 50
    max_connections: int = 50
    require_session_mfa: SecondFactor = SecondFactor.NO
    # A factor given this recently by the same person from the same address counts; zero: only for this very session.
    mfa_verification_interval: timedelta = NO_TIME
    device_trust: DeviceTrust = DeviceTrust.OFF
    recording: RecordingLevel = RecordingLevel.OUTPUT
    port_forwarding_local: bool = False
    port_forwarding_remote: bool = False
    file_copy: bool = True
    permit_shell: bool = True
    permit_exec: bool = True
    forward_agent: bool = False
    pin_source_ip: bool = False
    # How long a session outlives our sight of the locks, or of the authority; zero cuts at once.
    lock: timedelta = timedelta(minutes=5)
    on_control_loss: timedelta = timedelta(minutes=5)

    def merge(self, other: "Obligations") -> "Obligations":
        """The stricter of the two, field by field."""
        if other is self:
            return self
        return Obligations(**{name: rule.strictest(getattr(self, name), getattr(other, name)) for name, rule in FIELDS})

    def dump(self) -> dict[str, int | bool | str]:
        """Plain values by the names of their fields; durations in whole seconds, `_seconds` at their end."""
        return {rule.key(name): rule.dump(getattr(self, name)) for name, rule in FIELDS}

    @staticmethod
    def load(plain: Mapping[str, Any]) -> "Obligations":
        """The inverse of `dump`; `Invalid` when a field is missing, unknown or out of range."""
        expected = {rule.key(name) for name, rule in FIELDS}
        if set(plain) != expected:
            odd = ", ".join(sorted(str(name)[:40] for name in expected.symmetric_difference(plain)))
            raise Invalid(f"reading obligations: these fields are missing or unknown: {odd}")
        return Obligations(**{name: rule.load(plain[rule.key(name)]) for name, rule in FIELDS})

    @staticmethod
    def load_stored(plain: Mapping[str, Any]) -> "Obligations":
        """What `dump` wrote some versions ago: a field that did not exist then has its default."""
        return Obligations.load({**Obligations().dump(), **plain})


@dataclass(frozen=True, slots=True)
class FieldRule:
    """How one obligation merges, and how it is written and read."""

    strictest: Callable[[Any, Any], Any]
    dump: Callable[[Any], int | bool | str]
    load: Callable[[Any], Any]
    suffix: str = ""

    def key(self, name: str) -> str:
        """Its name outside."""
        return name + self.suffix


def _load_seconds(plain: Any) -> timedelta:
    if type(plain) is not int or not 0 <= plain <= DURATION_MAX.total_seconds():
        raise Invalid("reading obligations: a whole number of seconds is expected")
    return timedelta(seconds=plain)


def _load_count(plain: Any) -> int:
    if type(plain) is not int or not 1 <= plain <= COUNT_MAX:
        raise Invalid(f"reading obligations: a number from 1 to {COUNT_MAX} is expected")
    return plain


def _load_truth(plain: Any) -> bool:
    if type(plain) is not bool:
        raise Invalid("reading obligations: true or false is expected")
    return plain


def _dump_seconds(value: timedelta) -> int:
    return int(value.total_seconds())


def _dump_level(value: SecondFactor | RecordingLevel | DeviceTrust) -> str:
    return value.text


def _both(left: bool, right: bool) -> bool:
    return left and right


def _either(left: bool, right: bool) -> bool:
    return left or right


_SHORTEST: Final = FieldRule(min, _dump_seconds, _load_seconds, "_seconds")
_FEWEST: Final = FieldRule(min, int, _load_count)
_PERMISSION: Final = FieldRule(_both, bool, _load_truth)
_DEMAND: Final = FieldRule(_either, bool, _load_truth)

FIELDS: Final[tuple[tuple[str, FieldRule], ...]] = (
    ("max_session_ttl", _SHORTEST),
    ("client_idle_timeout", _SHORTEST),
    ("max_sessions", _FEWEST),
    ("max_connections", _FEWEST),
    ("require_session_mfa", FieldRule(max, _dump_level, second_factor)),
    ("mfa_verification_interval", _SHORTEST),
    ("device_trust", FieldRule(max, _dump_level, device_trust)),
    ("recording", FieldRule(max, _dump_level, recording_level)),
    ("port_forwarding_local", _PERMISSION),
    ("port_forwarding_remote", _PERMISSION),
    ("file_copy", _PERMISSION),
    ("permit_shell", _PERMISSION),
    ("permit_exec", _PERMISSION),
    ("forward_agent", _PERMISSION),
    ("pin_source_ip", _DEMAND),
    ("lock", _SHORTEST),
    ("on_control_loss", _SHORTEST),
)
RULES: Final = dict(FIELDS)
