"""Options merge by strictest wins and are read to the letter; obligations travel unchanged."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support import policy

from doorward.base.errors import Invalid
from doorward.domain.access.levels import DeviceTrust, SecondFactor
from doorward.domain.access.obligations import FIELDS, Obligations
from doorward.domain.access.options import RoleOptions, dump_options, merge_options, parse_options
from doorward.domain.recording.levels import RecordingLevel

durations = st.integers(0, 86_400).map(lambda seconds: timedelta(seconds=seconds))
obligations = st.builds(
    Obligations,
    max_session_ttl=durations,
    client_idle_timeout=durations,
    max_sessions=st.integers(1, 100),
    max_connections=st.integers(1, 100),
    require_session_mfa=st.sampled_from(SecondFactor),
    mfa_verification_interval=durations,
    device_trust=st.sampled_from(DeviceTrust),
    recording=st.sampled_from(RecordingLevel),
    lock=durations,
    on_control_loss=durations,
    **{
        name: st.booleans()
        for name in (
            "port_forwarding_local",
            "port_forwarding_remote",
            "file_copy",
            "permit_shell",
            "permit_exec",
            "forward_agent",
            "pin_source_ip",
        )
    },
)


def read(**plain: Any) -> RoleOptions:
    options, problems = parse_options(plain)
    assert problems == []
    return options


def problems_of(**plain: Any) -> list[str]:
    return [name for name, _ in parse_options(plain)[1]]


@settings(max_examples=100, deadline=None)
@given(obligations, obligations, obligations)
def test_merging_is_a_meet_and_never_loosens(one: Obligations, two: Obligations, three: Obligations) -> None:
    merged = one.merge(two)
    assert merged == two.merge(one)
    assert merged.merge(three) == one.merge(two.merge(three))
    assert one.merge(one) == one
    assert merged.merge(one) == merged
    for name, rule in FIELDS:
        assert rule.strictest(getattr(one, name), getattr(merged, name)) == getattr(merged, name)


@settings(max_examples=100, deadline=None)
@given(obligations)
def test_obligations_survive_the_way_to_the_gateway(value: Obligations) -> None:
    assert Obligations.load(value.dump()) == value


def test_obligations_with_a_missing_or_unknown_field_are_refused() -> None:
    whole = Obligations().dump()
    for odd in (
        {},
        {key: value for key, value in whole.items() if key != "recording"},
        whole | {"new_demand": True},
        whole | {"recording": "everything"},
        whole | {"max_session_ttl_seconds": -1},
        whole | {"max_session_ttl_seconds": True},
        whole | {"permit_shell": 1},
        whole | {"max_sessions": 0},
        whole | {"require_session_mfa": 2},
    ):
        with pytest.raises(Invalid):
            Obligations.load(odd)


def test_every_obligation_has_a_merge_rule() -> None:
    assert [name for name, _ in FIELDS] == list(Obligations.__dataclass_fields__)


def test_defaults_hold_when_nobody_votes() -> None:
    assert merge_options((), "node") == Obligations()
    assert merge_options((RoleOptions(),), "node") == Obligations()


def test_unset_does_not_vote() -> None:
    assert merge_options((read(max_session_ttl="12h"), RoleOptions()), "node").max_session_ttl == timedelta(hours=12)
    assert merge_options((read(forward_agent=True), RoleOptions()), "node").forward_agent
    assert not merge_options((read(forward_agent=True), read(forward_agent=False)), "node").forward_agent


@pytest.mark.parametrize(
    ("plain", "field", "value"),
    [
        ({"require_mfa": True}, "require_session_mfa", SecondFactor.YES),
        ({"require_session_mfa": "session"}, "require_session_mfa", SecondFactor.YES),
        ({"require_session_mfa": "webauthn"}, "require_session_mfa", SecondFactor.WEBAUTHN),
        ({"require_session_mfa": "no"}, "require_session_mfa", SecondFactor.NO),
        ({"record_session": ["ssh"]}, "recording", RecordingLevel.OUTPUT),
        ({"record_session": {"ssh": "output+input"}}, "recording", RecordingLevel.OUTPUT_INPUT),
        ({"record_session": {"default": "best_effort"}}, "recording", RecordingLevel.OUTPUT),
        ({"record_session": {"default": "strict", "ssh": "events"}}, "recording", RecordingLevel.EVENTS),
        ({"record_session": {"desktop": True}}, "recording", RecordingLevel.OUTPUT),
        ({"ssh_port_forwarding": {"local": {"enabled": True}}}, "port_forwarding_local", True),
        ({"ssh_port_forwarding": {"remote": True}}, "port_forwarding_remote", True),
        ({"lock": "strict"}, "lock", timedelta()),
        ({"lock": "cut"}, "lock", timedelta()),
        ({"on_control_loss": "continue(30m)"}, "on_control_loss", timedelta(minutes=30)),
        ({"max_session_ttl": "30h0m0s"}, "max_session_ttl", timedelta(hours=30)),
        ({"device_trust_mode": "required"}, "device_trust", DeviceTrust.REQUIRED),
        ({"device_trust_mode": False}, "device_trust", DeviceTrust.OFF),
    ],
)
def test_option_is_read_as(plain: dict[str, Any], field: str, value: object) -> None:
    assert getattr(merge_options((read(**plain),), "node"), field) == value


@pytest.mark.parametrize(
    "plain",
    [
        {"cert_format": "standard"},
        {"port_forwarding": True},
        {"max_sessions": 0},
        {"max_sessions": "5"},
        {"max_sessions": True},
        {"max_session_ttl": "0"},
        {"max_session_ttl": 3600},
        {"max_session_ttl": None},
        {"max_session_ttl": ["1h"]},
        {"client_idle_timeout": "never"},
        {"client_idle_timeout": 0},
        {"require_session_mfa": "hardware_key_touch"},
        {"require_session_mfa": 1},
        {"require_session_mfa": ["yes"]},
        {"record_session": ["ssh", "ssh"]},
        {"record_session": ["rdp"]},
        {"record_session": "ssh"},
        {"record_session": {"ssh": "maybe"}},
        {"record_session": {"ssh": {}}},
        {"record_session": {"rdp": True}},
        {"record_session": [["ssh"]]},
        {"ssh_port_forwarding": True},
        {"ssh_port_forwarding": {"local": {"enabled": True, "to": "x"}}},
        {"ssh_port_forwarding": {"dynamic": True}},
        {"ssh_port_forwarding": {"local": "yes"}},
        {"permit_shell": "yes"},
        {"lock": "continue"},
        {"lock": "continue(soon)"},
        {"lock": ["cut"]},
        {"lock": True},
        {"device_trust_mode": "sometimes"},
        {"device_trust_mode": ["off"]},
    ],
)
def test_an_option_that_could_not_be_kept_is_refused_by_name(plain: dict[str, Any]) -> None:
    assert problems_of(**plain) == list(plain)


def test_both_names_of_one_option_are_refused() -> None:
    assert problems_of(require_mfa=True, require_session_mfa=False) == ["require_session_mfa"]


@settings(max_examples=100, deadline=None)
@given(policy.options)
def test_options_survive_being_written(plain: dict[str, Any]) -> None:
    options = read(**plain)
    assert read(**dump_options(options)) == options


def test_what_an_earlier_version_stored_has_the_defaults_of_later_fields() -> None:
    stored = Obligations(max_sessions=3).dump()
    del stored["on_control_loss_seconds"]
    with pytest.raises(Invalid):
        Obligations.load(stored)
    assert Obligations.load_stored(stored) == Obligations(max_sessions=3)
    with pytest.raises(Invalid):
        Obligations.load_stored(stored | {"on_control_los_seconds": 0})
