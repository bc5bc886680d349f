"""Certificates: our reading and writing against ssh-keygen and asyncssh, and refusal of everything odd."""

import dataclasses
import subprocess
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.authorities import ed25519_key
from tests.support.ssh_keys import certify, make_key
from tests.support.ssh_values import FIELDS

from doorward.wire.errors import RemoteProtocolError
from doorward.wire.ssh.certificate import (
    CERTIFICATE_BYTES_MAX,
    OPTIONS_MAX,
    PRINCIPALS_MAX,
    CertificateFields,
    CertificateType,
    append_signature,
    encode_signed_part,
    parse_certificate,
)
from doorward.wire.ssh.fields import encode_string, encode_text
from doorward.wire.ssh.public_key import ed25519_blob, parse_public_key_line, public_key_line

CA_KEY, CA_BLOB = ed25519_key(1)
USER_KEY, USER_BLOB = ed25519_key(2)
NONCE = bytes(range(32))
PLAIN = CertificateFields(
    type=CertificateType.USER,
    serial=7,
    key_id="dw:sign-in:x",
    principals=("dwu:a",),
    valid_after=1_700_000_000,
    valid_before=1_700_000_060,
    critical_options=(),
    extensions=(("permit-pty", b""),),
    public_key=USER_BLOB,
)


def signed(fields: CertificateFields) -> bytes:
    part = encode_signed_part(fields, NONCE, CA_BLOB)
    return append_signature(part, encode_text("ssh-ed25519") + encode_string(CA_KEY.sign(part)))


@given(FIELDS)
def test_certificate_reads_back_as_written(fields: CertificateFields) -> None:
    blob = signed(fields)
    certificate = parse_certificate(blob)
    assert certificate.fields == fields
    assert (certificate.nonce, certificate.signature_key, certificate.blob) == (NONCE, CA_BLOB, blob)
    assert append_signature(certificate.signed_part, certificate.signature) == blob


@given(FIELDS, st.data())
def test_prefix_of_a_certificate_is_no_certificate(fields: CertificateFields, data: st.DataObject) -> None:
    blob = signed(fields)
    with pytest.raises(RemoteProtocolError):
        parse_certificate(blob[: data.draw(st.integers(0, len(blob) - 1))])


@given(FIELDS, st.data())
def test_flipped_bit_is_refused_or_gives_exactly_what_it_says(fields: CertificateFields, data: st.DataObject) -> None:
    blob = bytearray(signed(fields))
    bit = data.draw(st.integers(0, 8 * len(blob) - 1))
    blob[bit // 8] ^= 1 << bit % 8
    try:
        read = parse_certificate(bytes(blob))
    except RemoteProtocolError:
        return
    again = encode_signed_part(read.fields, read.nonce, read.signature_key)
    assert append_signature(again, read.signature) == bytes(blob)


@given(st.binary(max_size=300))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_certificate(noise)


@given(st.binary(max_size=200))
def test_noise_after_a_good_beginning_is_refused(noise: bytes) -> None:
    beginning = encode_signed_part(PLAIN, NONCE, CA_BLOB)[:100]
    with pytest.raises(RemoteProtocolError):
        parse_certificate(beginning + noise)


def test_bytes_after_the_signature_are_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="follow"):
        parse_certificate(signed(PLAIN) + b"\0")


@pytest.mark.parametrize("names", [("b", "a"), ("a", "a")])
def test_options_out_of_order_or_twice_are_refused(names: tuple[str, ...]) -> None:
    options = tuple((name, b"") for name in names)
    for odd in ({"critical_options": options}, {"extensions": options}):
        with pytest.raises(RemoteProtocolError, match="order"):
            parse_certificate(signed(_changed(**odd)))


def test_type_is_user_or_host() -> None:
    blob = signed(PLAIN)
    at = blob.index(encode_text(PLAIN.key_id)) - 4
    for kind in (0, 3, 2**31):
        with pytest.raises(RemoteProtocolError, match="neither"):
            parse_certificate(blob[:at] + kind.to_bytes(4, "big") + blob[at + 4 :])


def test_reserved_part_is_empty() -> None:
    part = encode_signed_part(PLAIN, NONCE, CA_BLOB)
    tail = encode_string(b"") + encode_string(CA_BLOB)
    assert part.endswith(tail)
    odd = part[: -len(tail)] + encode_string(b"x") + encode_string(CA_BLOB) + encode_string(b"sig")
    with pytest.raises(RemoteProtocolError, match="reserved"):
        parse_certificate(odd)


def test_plain_key_is_no_certificate() -> None:
    with pytest.raises(RemoteProtocolError, match="kind"):
        parse_certificate(USER_BLOB)


def test_certificate_does_not_sign_certificates() -> None:
    part = encode_signed_part(PLAIN, NONCE, signed(PLAIN))
    with pytest.raises(RemoteProtocolError):
        parse_certificate(append_signature(part, b""))


def test_oversize_certificate_is_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="too long"):
        parse_certificate(bytes(CERTIFICATE_BYTES_MAX + 1))


def test_too_many_principals_or_options_are_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="principals"):
        parse_certificate(signed(_changed(principals=("a",) * (PRINCIPALS_MAX + 1))))
    many = tuple((f"{number:03}", b"") for number in range(OPTIONS_MAX + 1))
    with pytest.raises(RemoteProtocolError, match="options"):
        parse_certificate(signed(_changed(extensions=many)))


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
@pytest.mark.parametrize("host", [False, True])
def test_certificates_of_ssh_keygen_are_read(kind: str, host: bool, tmp_path: Path) -> None:
    ca = make_key(tmp_path / "ca")
    key = make_key(tmp_path / "key", kind=kind)
    line = certify(key, ca, ["dwu:a", "b"], host=host, key_id="an id").read_text()
    certificate = parse_certificate(parse_public_key_line(line))
    assert certificate.fields.type is (CertificateType.HOST if host else CertificateType.USER)
    assert certificate.fields.principals == ("dwu:a", "b")
    assert certificate.fields.key_id == "an id"
    assert certificate.fields.public_key == parse_public_key_line(key.public_line)
    assert certificate.signature_key == parse_public_key_line(ca.public_line)
    assert [name for name, _ in certificate.fields.extensions] == (
        []
        if host
        else [
            "permit-X11-forwarding",
            "permit-agent-forwarding",
            "permit-port-forwarding",
            "permit-pty",
            "permit-user-rc",
        ]
    )


def test_critical_options_of_ssh_keygen_are_read_with_their_data(tmp_path: Path) -> None:
    ca, key = make_key(tmp_path / "ca"), make_key(tmp_path / "key")
    options = ["clear", "force-command=/bin/true", "source-address=192.0.2.0/24", "critical:zz@example=1"]
    certificate = parse_certificate(parse_public_key_line(certify(key, ca, ["a"], options=options).read_text()))
    assert certificate.fields.critical_options == (
        ("force-command", encode_text("/bin/true")),
        ("source-address", encode_text("192.0.2.0/24")),
        ("zz@example", encode_text("1")),
    )
    assert certificate.fields.extensions == ()


def test_ssh_keygen_reads_and_trusts_what_we_write(tmp_path: Path) -> None:
    file = tmp_path / "key-cert.pub"
    file.write_text(public_key_line(signed(PLAIN)) + "\n")
    shown = subprocess.run(["ssh-keygen", "-L", "-f", str(file)], check=True, capture_output=True, text=True).stdout
    assert "ssh-ed25519-cert-v01@openssh.com user certificate" in shown
    assert "Serial: 7" in shown
    assert 'Key ID: "dw:sign-in:x"' in shown
    assert "dwu:a" in shown
    assert "permit-pty" in shown


def test_asyncssh_reads_and_verifies_what_we_write() -> None:
    certificate: Any = asyncssh.import_certificate(public_key_line(signed(PLAIN)))
    assert certificate.principals == ["dwu:a"]
    assert certificate.signing_key.public_data == CA_BLOB
    assert certificate.key.public_data == USER_BLOB


def _changed(**changes: object) -> CertificateFields:
    return dataclasses.replace(PLAIN, **changes)  # type: ignore[arg-type]


def test_support_key_is_a_key() -> None:
    assert ed25519_blob(USER_KEY.public_key().public_bytes_raw()) == USER_BLOB
