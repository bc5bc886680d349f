"""Whom a client believes: one root behind a pin, or public TLS."""

import base64
import contextlib
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from tests.support.stub_authority import Installation, StubAuthority, pem, problem

from doorward.api.client.trust import (
    WrongPin,
    check_root,
    checked_pin,
    fetch_pinned_root,
    pinned_context,
    public_context,
)
from doorward.base.errors import Invalid, Unavailable

HERE = Installation()


@pytest.fixture
def stub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StubAuthority]:
    """A running stub."""
    with StubAuthority(tmp_path_factory.mktemp("stub")) as running:
        yield running


def test_the_root_behind_the_pin_is_fetched(stub: StubAuthority) -> None:
    assert fetch_pinned_root(stub.url, stub.pin.upper()) == pem(stub.installation.root.certificate)


def test_what_the_answer_says_of_its_own_pin_does_not_count(stub: StubAuthority) -> None:
    lie = msgspec.structs.replace(stub.trust(), x509_root_pem=pem(HERE.root.certificate))
    stub.answers["GET /v1/trust"] = (200, lie)
    with pytest.raises(WrongPin):
        fetch_pinned_root(stub.url, stub.pin)


def test_a_foreign_certificate_that_holds_the_pinned_key_is_refused() -> None:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lookalike")])
    key = ec.generate_private_key(ec.SECP256R1())
    lookalike = (
        x509.CertificateBuilder(name, name, HERE.root.certificate.public_key(), 1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2040, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    with pytest.raises(WrongPin):
        check_root(pem(lookalike), HERE.pin)


@given(text=st.one_of(st.text(), st.binary().map(lambda raw: raw.decode("latin-1"))))
def test_noise_is_no_root(text: str) -> None:
    with pytest.raises(WrongPin):
        check_root(text, HERE.pin)


@given(place=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_a_root_with_one_byte_changed_is_refused_or_the_same(place: int, flip: int) -> None:
    raw = bytearray(pem(HERE.root.certificate).encode())
    raw[place % len(raw)] ^= flip
    with contextlib.suppress(WrongPin):
        assert check_root(raw.decode("latin-1"), HERE.pin) == pem(HERE.root.certificate)


def test_no_byte_of_a_root_can_be_changed() -> None:
    good = HERE.root.certificate.public_bytes(serialization.Encoding.DER)
    for place in range(len(good)):
        raw = bytearray(good)
        raw[place] ^= 0x80
        text = "-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(raw).decode() + "-----END CERTIFICATE-----\n"
        with pytest.raises(WrongPin):
            check_root(text, HERE.pin)


def test_two_certificates_in_the_place_of_one_are_refused() -> None:
    with pytest.raises(WrongPin):
        check_root(pem(HERE.root.certificate) * 2, HERE.pin)


@pytest.mark.parametrize(
    "text", ["", "sha256:", "sha256:" + "g" * 64, "md5:" + "0" * 64, "0" * 64, "sha256:" + "0" * 63]
)
def test_what_is_no_pin_is_said_so(text: str) -> None:
    with pytest.raises(Invalid):
        checked_pin(text)


def test_a_problem_in_the_place_of_the_root_is_no_root(stub: StubAuthority) -> None:
    stub.answers["GET /v1/trust"] = problem(503, "unavailable", "later")
    with pytest.raises(Unavailable):
        fetch_pinned_root(stub.url, stub.pin)


def test_contexts_want_tls_1_3_a_certificate_and_its_name() -> None:
    for context in (public_context(), pinned_context(pem(HERE.root.certificate))):
        assert context.minimum_version == ssl.TLSVersion.TLSv1_3
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert context.check_hostname
    assert len(pinned_context(pem(HERE.root.certificate)).get_ca_certs()) == 1
    with pytest.raises(Invalid):
        pinned_context("nothing")
