"""What each kind of SSH certificate may say, and what is never issued."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.ssh_values import BLOBS

from doorward.base.entropy import SeededEntropy
from doorward.base.errors import Invalid
from doorward.base.ids import GatewayId, NodeId, SessionId, SignInId, UserId, new_id
from doorward.domain.certificates.refusals import BadPublicKey, BadSubject, ExtensionRefused, LifetimeRefused
from doorward.domain.certificates.ssh_profiles import (
    COMMAND_BYTES_MAX,
    face_fields,
    node_fields,
    session_fields,
    user_fields,
)
from doorward.wire.ssh.certificate import CertificateFields, CertificateType
from doorward.wire.ssh.fields import encode_text
from doorward.wire.ssh.public_key import (
    RSA,
    SK_ED25519,
    EcdsaKey,
    Ed25519Key,
    RsaKey,
    ed25519_blob,
    encode_public_key,
)

ENTROPY = SeededEntropy(3)
USER, SIGN_IN, SESSION, NODE, GATEWAY = (new_id(ENTROPY) for _ in range(5))
NOW = datetime(2026, 3, 1, 12, 0, 0, 999_999, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
KEY = ed25519_blob(bytes(32))


def user(**changes: Any) -> CertificateFields:
    values: dict[str, Any] = {
        "user_id": UserId(USER),
        "sign_in_id": SignInId(SIGN_IN),
        "public_key": KEY,
        "serial": 1,
        "now": NOW,
    }
    return user_fields(**(values | changes))


def session(**changes: Any) -> CertificateFields:
    values: dict[str, Any] = {
        "session_id": SessionId(SESSION),
        "node_id": NodeId(NODE),
        "login": "root",
        "public_key": KEY,
        "serial": 1,
        "now": NOW,
    }
    return session_fields(**(values | changes))


def test_user_certificate_names_one_user_and_one_sign_in_for_a_working_day() -> None:
    fields = user()
    assert fields.type is CertificateType.USER
    assert fields.principals == (f"dwu:{USER}",)
    assert fields.key_id == f"dw:sign-in:{SIGN_IN}"
    assert (fields.valid_after, fields.valid_before) == (SECONDS - 120, SECONDS + 8 * 3600)
    assert fields.critical_options == ()


def test_session_certificate_opens_one_account_on_one_node_for_a_minute() -> None:
    fields = session()
    assert fields.type is CertificateType.USER
    assert fields.principals == (f"dw:{NODE}:root",)
    assert fields.key_id == f"dw:session:{SESSION}"
    assert (fields.valid_after, fields.valid_before) == (SECONDS - 120, SECONDS + 60)
    assert fields.extensions == ()
    assert fields.critical_options == ()


def test_node_certificate_says_that_a_host_is_one_node() -> None:
    fields = node_fields(node_id=NodeId(NODE), public_key=KEY, serial=1, now=NOW)
    assert fields.type is CertificateType.HOST
    assert fields.principals == (f"dwn:{NODE}",)
    assert fields.valid_before == SECONDS + 365 * 86_400


def test_face_certificate_shows_one_name_by_one_gateway_for_ten_minutes() -> None:
    fields = face_fields(gateway_id=GatewayId(GATEWAY), name="prod-web-01.dw", public_key=KEY, serial=1, now=NOW)
    assert fields.type is CertificateType.HOST
    assert fields.principals == ("prod-web-01.dw",)
    assert fields.key_id == f"dw:face:{GATEWAY}"
    assert fields.valid_before == SECONDS + 600


@pytest.mark.parametrize("hours", [1, 8, 24])
def test_user_lifetime_up_to_the_ceiling_is_given(hours: int) -> None:
    assert user(lifetime=timedelta(hours=hours)).valid_before == SECONDS + hours * 3600


@pytest.mark.parametrize("lifetime", [timedelta(hours=24, seconds=1), timedelta(), timedelta(seconds=-1)])
def test_lifetime_outside_the_ceiling_is_refused_and_not_cut(lifetime: timedelta) -> None:
    with pytest.raises(LifetimeRefused):
        user(lifetime=lifetime)


def test_node_lifetime_has_a_ceiling() -> None:
    with pytest.raises(LifetimeRefused):
        node_fields(node_id=NodeId(NODE), public_key=KEY, serial=1, now=NOW, lifetime=timedelta(days=366))


def test_session_extensions_are_sorted_and_single() -> None:
    fields = session(extensions=["permit-pty", "permit-agent-forwarding", "permit-pty"])
    assert fields.extensions == (("permit-agent-forwarding", b""), ("permit-pty", b""))


@pytest.mark.parametrize("name", ["permit-X11-forwarding", "permit-user-rc", "no-touch-required", "", "PERMIT-PTY"])
def test_other_extensions_are_never_given(name: str) -> None:
    with pytest.raises(ExtensionRefused):
        session(extensions=["permit-pty", name])


def test_session_options_are_critical_and_in_order() -> None:
    fields = session(force_command="/bin/true", source_addresses=["192.0.2.7", "2001:db8::/32"])
    assert fields.critical_options == (
        ("force-command", encode_text("/bin/true")),
        ("source-address", encode_text("192.0.2.7/32,2001:db8::/32")),
    )


@pytest.mark.parametrize("command", ["", "a\0b", "x" * (COMMAND_BYTES_MAX + 1), "é" * COMMAND_BYTES_MAX])
def test_command_that_can_not_be_forced_is_refused(command: str) -> None:
    with pytest.raises(BadSubject):
        session(force_command=command)


@pytest.mark.parametrize("sources", [[""], ["host"], ["192.0.2.1/8"], ["0.0.0.0/0,::/0"], ["!192.0.2.1"], ["::1"] * 17])
def test_source_that_is_no_network_is_refused(sources: list[str]) -> None:
    with pytest.raises(BadSubject):
        session(source_addresses=sources)


@pytest.mark.parametrize("serial", [0, -1, 1 << 63])
def test_serial_fits_a_signed_column_and_is_never_zero(serial: int) -> None:
    with pytest.raises(BadSubject):
        user(serial=serial)


def test_user_may_hold_any_accepted_kind_of_key() -> None:
    for blob in (
        encode_public_key(SK_ED25519, Ed25519Key(bytes(32), "ssh:")),
        encode_public_key("ecdsa-sha2-nistp256", EcdsaKey("nistp256", b"\x04" + bytes(64))),
        encode_public_key(RSA, RsaKey(65537, (1 << 2047) + 1)),
    ):
        assert user(public_key=blob).public_key == blob


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        KEY[:-1],
        KEY + b"\0",
        encode_public_key(RSA, RsaKey(65537, (1 << 2046) + 1)),
        encode_public_key(RSA, RsaKey(1, (1 << 2047) + 1)),
        encode_public_key(RSA, RsaKey(65536, (1 << 2047) + 1)),
        encode_public_key(RSA, RsaKey(65537, 1 << 16_384)),
    ],
)
def test_unreadable_or_weak_key_is_refused(blob: bytes) -> None:
    with pytest.raises(BadPublicKey):
        user(public_key=blob)


@given(BLOBS.filter(lambda blob: not blob.startswith(encode_text("ssh-ed25519"))))
def test_session_and_face_keys_are_ed25519(blob: bytes) -> None:
    with pytest.raises(BadPublicKey):
        session(public_key=blob)
    with pytest.raises(BadPublicKey):
        face_fields(gateway_id=GatewayId(GATEWAY), name="a.dw", public_key=blob, serial=1, now=NOW)


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_text_smuggles_a_second_principal(node: str, login: str) -> None:
    try:
        fields = session(node_id=node, login=login)
    except Invalid:
        return
    assert fields.principals == (f"dw:{node}:{login}",)
    assert fields.principals[0].count(":") == 2
