"""X.509 of one installation: what each kind holds, and real TLS handshakes that accept one kind and no other."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from tests.support.authorities import INSTALLATION
from tests.support.x509_values import authority, der, gateway_leaf, intermediate, server_leaf, spki, user_leaf

from doorward.base.entropy import SeededEntropy
from doorward.base.ids import GatewayId, SignInId, UserId, new_id
from doorward.domain.certificates.purposes import Purpose
from doorward.domain.certificates.refusals import BadPublicKey, BadSubject, LifetimeRefused
from doorward.domain.certificates.x509_issue import CSR_BYTES_MAX, public_key_of_csr
from doorward.domain.certificates.x509_names import X509Kind

ENTROPY = SeededEntropy(5)
USER, SIGN_IN, GATEWAY = UserId(new_id(ENTROPY)), SignInId(new_id(ENTROPY)), GatewayId(new_id(ENTROPY))
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ED25519 = Ed25519PrivateKey.from_private_bytes(bytes(32))
P256 = ec.derive_private_key(777, ec.SECP256R1())
PrivateKey = Ed25519PrivateKey | ec.EllipticCurvePrivateKey


def test_root_and_intermediates_are_authorities_and_no_more() -> None:
    root = authority(Purpose.X509_ROOT)
    constraints = root.certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value == x509.BasicConstraints(ca=True, path_length=1)
    root.certificate.verify_directly_issued_by(root.certificate)
    for kind in X509Kind:
        each = intermediate(kind)
        each.certificate.verify_directly_issued_by(root.certificate)
        value = each.certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        assert value == x509.BasicConstraints(ca=True, path_length=0)
        assert not each.certificate.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
        assert each.certificate.not_valid_after_utc <= root.certificate.not_valid_after_utc


def test_browsers_chain_is_p256_and_the_others_are_ed25519() -> None:
    assert isinstance(authority(Purpose.X509_ROOT).key, ec.EllipticCurvePrivateKey)
    assert isinstance(intermediate(X509Kind.AUTHORITY).key, ec.EllipticCurvePrivateKey)
    assert isinstance(intermediate(X509Kind.USER).key, Ed25519PrivateKey)
    assert isinstance(intermediate(X509Kind.GATEWAY).key, Ed25519PrivateKey)


def test_user_certificate_names_user_and_sign_in_and_is_for_clients_only() -> None:
    leaf = user_leaf(spki(ED25519), USER, SIGN_IN, NOW)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.UniformResourceIdentifier(f"doorward://{INSTALLATION}/user/{USER}/sign-in/{SIGN_IN}")]
    usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert leaf.not_valid_before_utc == NOW - timedelta(minutes=2)
    assert leaf.not_valid_after_utc == NOW + timedelta(hours=8)


def test_server_certificate_names_hosts_and_is_for_servers_only() -> None:
    leaf = server_leaf(spki(P256), ["door.example", "127.0.0.1", "door.example"], NOW)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["door.example"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.SERVER_AUTH
    ]


@pytest.mark.parametrize("lifetime", [timedelta(hours=24, seconds=1), timedelta(), timedelta(days=-1)])
def test_lifetime_beyond_the_ceiling_is_refused(lifetime: timedelta) -> None:
    with pytest.raises(LifetimeRefused):
        user_leaf(spki(ED25519), USER, SIGN_IN, NOW, lifetime=lifetime)


def test_leaf_never_outlives_its_intermediate() -> None:
    end = intermediate(X509Kind.USER).certificate.not_valid_after_utc
    leaf = user_leaf(spki(ED25519), USER, SIGN_IN, end - timedelta(hours=1))
    assert leaf.not_valid_after_utc == end


@pytest.mark.parametrize("names", [[], ["*.example"], ["A.example"], ["a b"], ["x"] * 33])
def test_server_without_an_exact_name_is_refused(names: list[str]) -> None:
    with pytest.raises(BadSubject):
        server_leaf(spki(P256), names, NOW)


def test_server_key_is_p256_since_browsers_take_no_other() -> None:
    with pytest.raises(BadPublicKey):
        server_leaf(spki(ED25519), ["door.example"], NOW)


@pytest.mark.parametrize(
    "key",
    [rsa.generate_private_key(65537, 2048).public_key(), ec.generate_private_key(ec.SECP384R1()).public_key()],
    ids=["rsa", "p384"],
)
def test_other_kinds_of_key_are_refused(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> None:
    with pytest.raises(BadPublicKey):
        user_leaf(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), USER, SIGN_IN, NOW)


@pytest.mark.parametrize("encoded", [b"", b"\x30\x00", bytes(600), spki(ED25519)[:-1]])
def test_key_that_can_not_be_read_is_refused(encoded: bytes) -> None:
    with pytest.raises(BadPublicKey):
        user_leaf(encoded, USER, SIGN_IN, NOW)


def request(key: PrivateKey) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, None if isinstance(key, Ed25519PrivateKey) else SHA256()).public_bytes(Encoding.DER)


@pytest.mark.parametrize("key", [ED25519, P256], ids=["ed25519", "p256"])
def test_signing_request_gives_its_key_and_nothing_else(key: PrivateKey) -> None:
    assert public_key_of_csr(request(key)) == spki(key)


def test_signing_request_without_possession_is_refused() -> None:
    signed = bytearray(request(ED25519))
    signed[-1] ^= 1
    for odd in (bytes(signed), b"", b"noise", bytes(CSR_BYTES_MAX + 1)):
        with pytest.raises(BadPublicKey):
            public_key_of_csr(odd)


def contexts(
    tmp_path: Path, client_leaf: x509.Certificate, client_kind: X509Kind, accepted: X509Kind
) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server that accepts one kind by its intermediate alone, and a client that trusts the root alone."""
    now = datetime.now(UTC)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.minimum_version = ssl.TLSVersion.TLSv1_3
    chain = [server_leaf(spki(P256), ["door.example"], now), intermediate(X509Kind.AUTHORITY).certificate]
    server.load_cert_chain(_write(tmp_path / "server", chain), _write_key(tmp_path / "server.key", P256))
    server.verify_mode = ssl.CERT_REQUIRED
    server.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    server.load_verify_locations(cadata=der(intermediate(accepted).certificate))
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(cadata=der(authority(Purpose.X509_ROOT).certificate))
    chain = [client_leaf, intermediate(client_kind).certificate]
    client.load_cert_chain(_write(tmp_path / "client", chain), _write_key(tmp_path / "client.key", ED25519))
    return server, client


def _write(path: Path, chain: list[x509.Certificate]) -> Path:
    path.write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in chain))
    return path


def _write_key(path: Path, key: PrivateKey) -> Path:
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str = "door.example") -> bytes | None:
    """Both sides in memory; the DER certificate that the server saw."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server_side = server.wrap_bio(to_server, to_client, server_side=True)
    client_side = client.wrap_bio(to_client, to_server, server_hostname=name)
    waiting = {client_side, server_side}
    for _ in range(10):
        for side in tuple(waiting):
            try:
                side.do_handshake()
                waiting.discard(side)
            except ssl.SSLWantReadError:
                pass
    assert not waiting
    return server_side.getpeercert(binary_form=True)


def test_tls_accepts_a_user_where_users_are_accepted(tmp_path: Path) -> None:
    leaf = user_leaf(spki(ED25519), USER, SIGN_IN, datetime.now(UTC))
    assert handshake(*contexts(tmp_path, leaf, X509Kind.USER, X509Kind.USER)) == der(leaf)


def test_tls_accepts_a_gateway_where_gateways_are_accepted(tmp_path: Path) -> None:
    leaf = gateway_leaf(spki(ED25519), GATEWAY, datetime.now(UTC))
    assert handshake(*contexts(tmp_path, leaf, X509Kind.GATEWAY, X509Kind.GATEWAY)) == der(leaf)


def test_tls_refuses_a_user_where_gateways_are_accepted(tmp_path: Path) -> None:
    leaf = user_leaf(spki(ED25519), USER, SIGN_IN, datetime.now(UTC))
    with pytest.raises(ssl.SSLError, match="unable to get"):
        handshake(*contexts(tmp_path, leaf, X509Kind.USER, X509Kind.GATEWAY))


def test_tls_refuses_the_authority_under_a_name_that_it_has_not(tmp_path: Path) -> None:
    leaf = user_leaf(spki(ED25519), USER, SIGN_IN, datetime.now(UTC))
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        handshake(*contexts(tmp_path, leaf, X509Kind.USER, X509Kind.USER), name="other.example")
