"""Which X.509 certificates count, by whom issued, as what kind; and the root's pin."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from tests.support.authorities import INSTALLATION
from tests.support.x509_values import authority, der, gateway_leaf, intermediate, spki, user_leaf

from doorward.base.entropy import SeededEntropy
from doorward.base.errors import Invalid
from doorward.base.ids import GatewayId, InstallationId, SignInId, UserId, new_id
from doorward.domain.certificates import refusals
from doorward.domain.certificates.purposes import Purpose
from doorward.domain.certificates.x509_check import check_x509, load_x509, pin_matches, spki_pin, to_pem
from doorward.domain.certificates.x509_issue import X509Authority
from doorward.domain.certificates.x509_names import X509Identity, X509Kind, identity_of, user_uri

ENTROPY = SeededEntropy(5)
USER, SIGN_IN, GATEWAY = UserId(new_id(ENTROPY)), SignInId(new_id(ENTROPY)), GatewayId(new_id(ENTROPY))
OTHER_INSTALLATION = InstallationId(new_id(ENTROPY))
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
LEAF = der(user_leaf(spki(KEY), USER, SIGN_IN, NOW))


def check(leaf: bytes, kind: X509Kind = X509Kind.USER, now: datetime = NOW, seed: int = 0) -> X509Identity:
    return check_x509(
        leaf,
        kind=kind,
        intermediates=[der(intermediate(kind, seed).certificate)],
        installation_id=INSTALLATION,
        now=now,
    )


def test_user_and_gateway_are_told_who_they_are() -> None:
    assert check(LEAF) == X509Identity(X509Kind.USER, INSTALLATION, USER, SIGN_IN)
    gateway = der(gateway_leaf(spki(KEY), GATEWAY, NOW))
    assert check(gateway, X509Kind.GATEWAY) == X509Identity(X509Kind.GATEWAY, INSTALLATION, GATEWAY)


def test_user_is_no_gateway() -> None:
    with pytest.raises(refusals.UntrustedAuthority):
        check(LEAF, X509Kind.GATEWAY)


def test_kind_is_checked_though_the_intermediate_is_trusted() -> None:
    with pytest.raises(refusals.WrongCertificateType):
        check_x509(
            LEAF,
            kind=X509Kind.GATEWAY,
            intermediates=[der(intermediate(X509Kind.USER).certificate)],
            installation_id=INSTALLATION,
            now=NOW,
        )


def test_another_installations_identity_is_refused_though_ours_signed_it() -> None:
    leaf = der(user_leaf(spki(KEY), USER, SIGN_IN, NOW, installation_id=OTHER_INSTALLATION))
    with pytest.raises(refusals.WrongCertificateType):
        check(leaf)


def test_another_installations_authority_is_refused() -> None:
    with pytest.raises(refusals.UntrustedAuthority):
        check(der(user_leaf(spki(KEY), USER, SIGN_IN, NOW, seed=1)))


def test_nobody_is_trusted_by_an_empty_list() -> None:
    with pytest.raises(refusals.UntrustedAuthority):
        check_x509(LEAF, kind=X509Kind.USER, intermediates=[], installation_id=INSTALLATION, now=NOW)


def test_root_is_no_intermediate_and_an_intermediate_is_no_user() -> None:
    with pytest.raises(refusals.UntrustedAuthority):
        check_x509(
            LEAF,
            kind=X509Kind.USER,
            intermediates=[der(authority(Purpose.X509_ROOT).certificate)],
            installation_id=INSTALLATION,
            now=NOW,
        )
    with pytest.raises(refusals.UntrustedAuthority):
        check(der(intermediate(X509Kind.USER).certificate))


def test_time_before_and_after_is_refused() -> None:
    with pytest.raises(refusals.NotYetValid):
        check(LEAF, now=NOW - timedelta(minutes=2, seconds=1))
    with pytest.raises(refusals.CertificateExpired):
        check(LEAF, now=NOW + timedelta(hours=8))


def forged(names: list[x509.GeneralName] | None) -> bytes:
    """What the user intermediate would sign if it were asked to sign anything."""
    issuer: X509Authority = intermediate(X509Kind.USER)
    builder = (
        x509.CertificateBuilder()
        .issuer_name(issuer.certificate.subject)
        .subject_name(x509.Name([]))
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(hours=1))
    )
    if names is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return der(builder.sign(issuer.key, None))


URI = x509.UniformResourceIdentifier(user_uri(INSTALLATION, USER, SIGN_IN))


@pytest.mark.parametrize("names", [None, [], [x509.DNSName("a.example")], [URI, URI], [x509.DNSName(str(USER))]])
def test_certificate_that_names_nobody_or_two_is_refused(names: list[x509.GeneralName] | None) -> None:
    with pytest.raises(refusals.CertificateRefused):
        check(forged(names))


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@given(st.integers(0, 8 * len(LEAF) - 1))
def test_no_flipped_bit_leaves_a_certificate_that_counts(bit: int) -> None:
    flipped = bytearray(LEAF)
    flipped[bit // 8] ^= 1 << bit % 8
    with pytest.raises(refusals.CertificateRefused):
        check(bytes(flipped))


@given(st.binary(max_size=200))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(refusals.CertificateRefused):
        check(noise)


def test_oversize_certificate_is_refused() -> None:
    with pytest.raises(refusals.CertificateRefused, match="too long"):
        load_x509(bytes(9_000))


def test_pin_is_the_hash_of_the_roots_key() -> None:
    root = authority(Purpose.X509_ROOT).certificate
    key = root.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert spki_pin(der(root)) == "sha256:" + hashlib.sha256(key).hexdigest()
    assert pin_matches(spki_pin(der(root)), der(root))
    assert not pin_matches(spki_pin(der(root)), der(authority(Purpose.X509_ROOT, 1).certificate))


@pytest.mark.parametrize(
    "pin", ["", "sha256:", "sha256:" + "A" * 64, "a" * 64, "sha1:" + "a" * 40, "sha256:" + "a" * 63]
)
def test_text_that_is_no_pin_matches_nothing_silently(pin: str) -> None:
    with pytest.raises(Invalid, match="pin"):
        pin_matches(pin, der(authority(Purpose.X509_ROOT).certificate))


def test_pem_holds_the_same_certificate() -> None:
    assert der(x509.load_pem_x509_certificate(to_pem(LEAF).encode())) == LEAF
    assert identity_of(load_x509(LEAF)).id == USER
