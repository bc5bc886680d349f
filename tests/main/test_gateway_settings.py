"""A gateway's file says what `serve` and `join` wrote, and an edit that means nothing stops the start with one line."""

import json
from pathlib import Path

import pytest

from doorward.gateway.recorder.budget import MIB, RecorderLimits
from doorward.main.gateway_settings import GatewayFacts, read_settings, write_facts, write_settings
from doorward.main.layout import Layout
from doorward.main.settings import Address, BadSettings, dump_settings, parse_settings


def test_the_limits_of_recordings_reach_the_gateway(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    settings = parse_settings("recording: {session_max: 64MiB, person_max: 128MiB}\n", tmp_path)
    write_settings(layout, settings)
    facts = read_settings(layout.gateway)
    assert (facts.listen, facts.authority) == ((settings.listen,), settings.authority_listen)
    assert facts.recording == settings.recording
    assert facts.metrics_listen is None
    assert (facts.recording.session_bytes_max, facts.recording.person_bytes_max) == (64 * MIB, 128 * MIB)


def test_where_the_gateway_is_probed_reaches_it(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    settings = parse_settings("gateway_metrics_listen: '[::1]:3446'\n", tmp_path)
    assert parse_settings(dump_settings(settings), tmp_path) == settings
    write_settings(layout, settings)
    assert read_settings(layout.gateway).metrics_listen == Address("::1", 3446)


def test_a_file_of_an_earlier_version_keeps_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "gateway.json").write_text('{"listen": ["0.0.0.0:3443"], "authority": "a.example:3444"}')
    address = Address("0.0.0.0", 3443)
    assert read_settings(tmp_path) == GatewayFacts((address,), Address("a.example", 3444), RecorderLimits())


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"recording": {"session_max": "4G"}}, "recording.session_max"),
        ({"recording": None}, "recording"),
        ({"recordings": {}}, "recordings"),
        ({"listen": 5}, "damaged"),
        ({"authority": None}, "authority"),
        ({"metrics_listen": None}, "metrics_listen"),
        ({"metrics_listen": "3446"}, "metrics_listen"),
    ],
)
def test_every_mistake_is_named(tmp_path: Path, change: dict[str, object], named: str) -> None:
    write_facts(tmp_path, GatewayFacts((Address("localhost", 1),), Address("localhost", 2), RecorderLimits()))
    file = tmp_path / "gateway.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(BadSettings, match=named):
        read_settings(tmp_path)
