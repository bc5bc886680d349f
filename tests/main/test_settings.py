"""The configuration file: checked whole, every mistake named by its field, and nothing silently ignored."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.main.role_users import RoleUsers
from doorward.main.settings import (
    Address,
    BadSettings,
    Settings,
    dump_settings,
    is_host,
    load_settings,
    parse_address,
    parse_settings,
)

BASE = Path("/data")


def parsed(text: str) -> Settings:
    return parse_settings(text, BASE)


def test_empty_file_means_what_is_safe_on_one_machine() -> None:
    assert parsed("") == Settings()
    assert parsed("# nothing\n") == Settings()
    assert {Settings().listen.host, Settings().authority_listen.host, Settings().metrics_listen.host} == {"127.0.0.1"}


def test_whole_file_is_read() -> None:
    settings = parsed(
        "names: [gw.example, 192.0.2.1, '2001:db8::1']\n"
        "listen: 0.0.0.0:3443\nauthority_listen: '[::1]:3444'\nmetrics_listen: 127.0.0.1:9\n"
        "node_suffix: corp\nkey_encryption_key: file:/etc/doorward/kek\n"
        "tls: {certificate: chain.pem, key: /etc/key.pem}\n"
    )
    assert settings.names == ("gw.example", "192.0.2.1", "2001:db8::1")
    assert (settings.listen, settings.authority_listen) == (Address("0.0.0.0", 3443), Address("::1", 3444))
    assert settings.tls is not None
    assert (settings.tls.certificate, settings.tls.key) == (Path("/data/chain.pem"), Path("/etc/key.pem"))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("name: [a]", "name"),
        ("names: []", "names"),
        ("names: a.example", "names"),
        ("names: [A.example]", "names"),
        ("names: [1]", "names"),
        ("names: ['']", "names"),
        ("names: ['fe80::1%eth0']", "names"),
        ("names: ['2001:DB8::1']", "names"),
        ("names: [" + ", ".join(f"n{number}" for number in range(17)) + "]", "names"),
        ("listen: 3443", "listen"),
        ("listen: ':3443'", "listen"),
        ("listen: '127.0.0.1'", "listen"),
        ("listen: '127.0.0.1:0'", "listen"),
        ("listen: '127.0.0.1:65536'", "listen"),
        ("listen: '127.0.0.1:٣'", "listen"),
        ("listen: '127.0.0.1:+1'", "listen"),
        ("listen: '127.0.0.1:" + "9" * 5000 + "'", "listen"),
        ("authority_listen: [127.0.0.1, 3443]", "authority_listen"),
        ("metrics_listen: null", "metrics_listen"),
        ("gateway_metrics_listen: 3446", "gateway_metrics_listen"),
        ("node_suffix: ''", "node_suffix"),
        ("node_suffix: a.b", "node_suffix"),
        ("node_suffix: DW", "node_suffix"),
        ("node_suffix: 7", "node_suffix"),
        ("store: 7", "store"),
        ("key_encryption_key: []", "key_encryption_key"),
        ("tls: {certificate: a}", "tls"),
        ("tls: {certificate: a, key: b, extra: c}", "tls"),
        ("tls: {certificate: a, key: null}", "tls"),
        ("tls: {certificate: '', key: b}", "tls"),
        ("tls: [a, b]", "tls"),
        ("recording: 4GiB", "recording"),
        ("recording: {session_max: 4}", "recording.session_max"),
        ("recording: {reserve: 1GiB}", "recording"),
        ("gateways_from: [10.0.0.0/8]", "gateways_from"),
    ],
)
def test_every_mistake_is_named_by_its_field(text: str, named: str) -> None:
    with pytest.raises(BadSettings, match=named):
        parsed(text)


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "- a",
        "text",
        "listen: 1\n---\nlisten: 2",
        "a: &x [1]\nb: *x",
        "node_suffix: dw\nnode_suffix: other",
        "names: !!python/object/apply:os.system [id]",
        "x: 2026-99-99",
        "x: " + "[" * 30_000,
        "x: " + "9" * 6000,
        "\x00",
        "#" * 70_000,
    ],
)
def test_what_is_no_plain_mapping_is_refused(text: str) -> None:
    with pytest.raises(BadSettings):
        parsed(text)


@given(st.text(max_size=200))
def test_noise_is_read_or_refused(text: str) -> None:
    try:
        parsed(text)
    except BadSettings:
        return


@given(
    st.dictionaries(
        st.sampled_from(["names", "listen", "tls", "store", "node_suffix", "metrics_listen"]),
        st.recursive(st.none() | st.integers() | st.text(max_size=10), lambda inner: st.lists(inner, max_size=3)),
        max_size=3,
    )
)
def test_any_values_are_read_or_refused(values: dict[str, object]) -> None:
    try:
        parsed(json.dumps(values))
    except BadSettings:
        return


@given(
    names=st.lists(st.sampled_from(["a.example", "127.0.0.1", "::1", "localhost"]), min_size=1, unique=True),
    port=st.integers(1, 65_535),
    host=st.sampled_from(["127.0.0.1", "::1", "gw.example"]),
    store=st.sampled_from(["", "postgresql://u:p@h:1/d"]),
    kek=st.sampled_from(["", "env:KEK", "file:/etc/kek"]),
    users=st.sampled_from([None, RoleUsers("dws", "dwa", "dwg")]),
)
def test_what_is_written_is_read_back(
    names: list[str], port: int, host: str, store: str, kek: str, users: RoleUsers | None
) -> None:
    settings = Settings(
        names=tuple(names), listen=Address(host, port), store=store, key_encryption_key=kek, users=users
    )
    assert parsed(dump_settings(settings)) == settings


@given(st.integers(1, 65_535), st.sampled_from(["127.0.0.1", "::1", "gw.example"]))
def test_address_is_read_as_it_is_written(port: int, host: str) -> None:
    assert parse_address(str(Address(host, port)), "listen") == Address(host, port)


@pytest.mark.parametrize("name", ["-a", "a-", "a..b", ".", "a b", "a\n", "x" * 64, "a." * 127 + "aa", "ü.example"])
def test_what_is_no_host_name_is_none(name: str) -> None:
    assert not is_host(name)


def test_missing_file_is_no_default(tmp_path: Path) -> None:
    with pytest.raises(BadSettings):
        load_settings(tmp_path / "doorward.yaml", tmp_path)
    (tmp_path / "bytes.yaml").write_bytes(b"\xff")
    with pytest.raises(BadSettings):
        load_settings(tmp_path / "bytes.yaml", tmp_path)
