"""The options of a role: one table of how each is written, and how the strictest of several roles is found.

Unset does not vote; among the roles that set an option the strictest wins; when none does, the default of
`Obligations` holds. A value that we could not keep to the letter (0 as "unlimited", a hardware key that no fact proves)
is refused at load instead of being read as something weaker.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from doorward.base.duration import format_duration, parse_duration
from doorward.base.errors import Invalid
from doorward.domain.access.levels import DeviceTrust, SecondFactor, device_trust, recording_level
from doorward.domain.access.obligations import COUNT_MAX, NO_TIME, RULES, Obligations
from doorward.domain.recording.levels import RecordingLevel

Plain = bool | int | str | list[Any] | dict[str, Any] | None
DEFAULTS: Final = Obligations()

# What record_session may name, and the kind of resource that it means.
RECORDED_KINDS: Final = {
    "ssh": "node",
    "kubernetes": "kube_cluster",
    "k8s": "kube_cluster",
    "db": "db",
    "app": "app",
    "desktop": "windows_desktop",
}
EVERY_KIND: Final = "default"


@dataclass(frozen=True, slots=True)
class RoleOptions:
    """What a role sets: fields of `Obligations` by name (recording apart), and recording levels by kind."""

    values: tuple[tuple[str, Any], ...] = ()
    recording: tuple[tuple[str, RecordingLevel], ...] = ()

    def recording_for(self, kind: str) -> RecordingLevel | None:
        """The level that this role asks for on resources of `kind`."""
        levels = dict(self.recording)
        return levels.get(kind, levels.get(EVERY_KIND))


def merge_options(options: Iterable[RoleOptions], kind: str) -> Obligations:
    """The obligations of several roles together on a resource of `kind`."""
    votes: dict[str, Any] = {}
    for role_options in options:
        level = role_options.recording_for(kind)
        recorded = () if level is None else (("recording", level),)
        for name, value in (*role_options.values, *recorded):
            votes[name] = RULES[name].strictest(votes[name], value) if name in votes else value
    return Obligations(**votes)


def parse_options(plain: Mapping[str, Plain]) -> tuple[RoleOptions, list[tuple[str, str]]]:
    """The options, and what is wrong with them as (option, message); with any of these the options are not used."""
    values: dict[str, Any] = {}
    recording: dict[str, RecordingLevel] = {}
    problems: list[tuple[str, str]] = []
    for name, value in plain.items():
        try:
            if name == "record_session":
                recording = _parse_recording(value)
            elif name in OPTIONS:
                for field_name, parsed in OPTIONS[name].parse(value).items():
                    if field_name in values:
                        raise Invalid("require_mfa and require_session_mfa are one option; write one of them")
                    values[field_name] = parsed
            else:
                raise Invalid("this option is not honoured, and is refused so that no restriction is lost")
        except Invalid as problem:
            problems.append((name, problem.message))
    return RoleOptions(tuple(sorted(values.items())), tuple(sorted(recording.items()))), problems


def dump_options(options: RoleOptions) -> dict[str, Any]:
    """What `parse_options` reads back."""
    values = dict(options.values)
    plain: dict[str, Any] = {}
    for name, option in OPTIONS.items():
        if name != "require_mfa":
            plain |= option.dump(name, values)
    if options.recording:
        names = {kind: name for name, kind in reversed(RECORDED_KINDS.items())}
        plain["record_session"] = {names.get(kind, kind): level.text for kind, level in options.recording}
    return plain


@dataclass(frozen=True, slots=True)
class Option:
    """How one option is read into fields of `Obligations`, and written again."""

    parse: Callable[[Plain], dict[str, Any]]
    dump: Callable[[str, Mapping[str, Any]], dict[str, Any]]


def _one(field_name: str, parse: Callable[[Plain], Any], dump: Callable[[Any], Any]) -> Option:
    return Option(
        lambda plain: {field_name: parse(plain)},
        lambda name, values: {name: dump(values[field_name])} if field_name in values else {},
    )


def _parse_lasting(plain: Plain) -> timedelta:
    value = _parse_time(plain)
    if value <= NO_TIME:
        raise Invalid("zero means without limit elsewhere; write the longest time that you want")
    return value


def _parse_time(plain: Plain) -> timedelta:
    if not isinstance(plain, str | int) or isinstance(plain, bool):
        raise Invalid("a duration like 30m or 8h is expected")
    return parse_duration(str(plain))


def _parse_count(plain: Plain) -> int:
    if not isinstance(plain, int) or isinstance(plain, bool) or not 1 <= plain <= COUNT_MAX:
        raise Invalid(f"a number from 1 to {COUNT_MAX} is expected (0 means without limit elsewhere)")
    return plain


def _parse_truth(plain: Plain) -> bool:
    if not isinstance(plain, bool):
        raise Invalid("true or false is expected")
    return plain


def _parse_factor(plain: Plain) -> SecondFactor:
    for written, level in _FACTORS:
        if type(plain) is type(written) and plain == written:
            return level
    raise Invalid("no, yes or webauthn is expected (no fact proves a hardware key)")


def _parse_device(plain: Plain) -> DeviceTrust:
    return device_trust("off" if plain is False else plain)


def _parse_sight(plain: Plain) -> timedelta:
    if plain in ("cut", "strict"):
        return NO_TIME
    if plain == "best_effort":
        return DEFAULTS.lock
    if isinstance(plain, str) and plain.startswith("continue(") and plain.endswith(")"):
        return parse_duration(plain.removeprefix("continue(").removesuffix(")"))
    raise Invalid("cut or continue(DURATION) is expected")


def _dump_sight(value: timedelta) -> str:
    return f"continue({format_duration(value)})" if value else "cut"


def _parse_forwarding(plain: Plain) -> dict[str, bool]:
    if not isinstance(plain, dict) or not set(plain) <= {"local", "remote"}:
        raise Invalid("a map with local and remote is expected")
    parsed: dict[str, bool] = {}
    for direction, value in plain.items():
        if isinstance(value, dict) and set(value) != {"enabled"}:
            raise Invalid(f"{direction} takes enabled and nothing else")
        enabled = value["enabled"] if isinstance(value, dict) else value
        parsed[f"port_forwarding_{direction}"] = _parse_truth(enabled)
    return parsed


def _dump_forwarding(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    fields = ((way, f"port_forwarding_{way}") for way in ("local", "remote"))
    found = {way: {"enabled": values[field_name]} for way, field_name in fields if field_name in values}
    return {name: found} if found else {}


def _parse_recording(plain: Plain) -> dict[str, RecordingLevel]:
    if isinstance(plain, list):
        named = {name: "output" for name in plain if isinstance(name, str) and name in RECORDED_KINDS}
        if len(named) != len(plain):
            raise Invalid(f"kinds are listed, each once: {', '.join(RECORDED_KINDS)}")
        plain = dict(named)
    if not isinstance(plain, dict) or not set(plain) <= {*RECORDED_KINDS, EVERY_KIND}:
        raise Invalid(f"a list or a map of {', '.join(RECORDED_KINDS)} is expected, or {EVERY_KIND} in a map")
    levels: dict[str, RecordingLevel] = {}
    for name, value in plain.items():
        kind = RECORDED_KINDS.get(name, name)
        level = _recording(value)
        levels[kind] = max(level, levels.get(kind, level))
    return levels


def _recording(value: object) -> RecordingLevel:
    if isinstance(value, bool):
        return RecordingLevel.OUTPUT if value else RecordingLevel.NONE
    return RecordingLevel.OUTPUT if value == "best_effort" else recording_level(value)


def _same(value: Any) -> Any:
    return value


def _text(value: SecondFactor | DeviceTrust) -> str:
    return value.text


_FACTORS: Final[tuple[tuple[bool | str, SecondFactor], ...]] = (
    (False, SecondFactor.NO),
    ("no", SecondFactor.NO),
    ("off", SecondFactor.NO),
    (True, SecondFactor.YES),
    ("yes", SecondFactor.YES),
    ("session", SecondFactor.YES),
    ("webauthn", SecondFactor.WEBAUTHN),
)
_MFA: Final = _one("require_session_mfa", _parse_factor, _text)

OPTIONS: Final[dict[str, Option]] = {
    "max_session_ttl": _one("max_session_ttl", _parse_lasting, format_duration),
    "client_idle_timeout": _one("client_idle_timeout", _parse_lasting, format_duration),
    "max_sessions": _one("max_sessions", _parse_count, _same),
    "max_connections": _one("max_connections", _parse_count, _same),
    "require_session_mfa": _MFA,
    "require_mfa": _MFA,
    "mfa_verification_interval": _one("mfa_verification_interval", _parse_time, format_duration),
    "device_trust_mode": _one("device_trust", _parse_device, _text),
    "ssh_port_forwarding": Option(_parse_forwarding, _dump_forwarding),
    "ssh_file_copy": _one("file_copy", _parse_truth, _same),
    "permit_shell": _one("permit_shell", _parse_truth, _same),
    "permit_exec": _one("permit_exec", _parse_truth, _same),
    "forward_agent": _one("forward_agent", _parse_truth, _same),
    "pin_source_ip": _one("pin_source_ip", _parse_truth, _same),
    "lock": _one("lock", _parse_sight, _dump_sight),
    "on_control_loss": _one("on_control_loss", _parse_sight, _dump_sight),
}
