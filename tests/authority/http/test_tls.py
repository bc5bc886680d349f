"""Which certificate the authority shows to whom, and files that are none."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from tests.support.authority_lab import AuthorityLab, open_lab
from tests.support.https_lab import PEOPLE, present

from doorward.api.client.trust import PINNED_SERVER_NAME, pinned_context
from doorward.authority.http.tls import BadTlsFiles, TlsContexts, make_contexts
from doorward.base.clock import SystemClock
from doorward.domain.certificates.x509_check import to_pem


@pytest.fixture
async def present_lab() -> AsyncIterator[AuthorityLab]:
    """Its clock stands at the real time, since OpenSSL looks at that."""
    async with open_lab(present()) as lab:
        yield lab


def public_files(folder: Path) -> tuple[Path, Path, ssl.SSLContext]:
    """A certificate from an authority that is not ours, its key, and a client that believes that authority."""
    now = SystemClock().now()
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Public Root")])

    def built(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(root_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
        )

    root = built(root_name, root_key.public_key()).add_extension(x509.BasicConstraints(True, None), critical=True)
    signed_root = root.sign(root_key, hashes.SHA256())
    names = x509.SubjectAlternativeName([x509.DNSName(PEOPLE)])
    leaf = built(x509.Name([]), key.public_key()).add_extension(names, critical=True).sign(root_key, hashes.SHA256())
    (folder / "cert.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(cadata=signed_root.public_bytes(Encoding.PEM).decode())
    return folder / "cert.pem", folder / "key.pem", client


@contextlib.asynccontextmanager
async def served(context: ssl.SSLContext) -> AsyncIterator[int]:
    """A listener with this context; its port."""

    async def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(close, "127.0.0.1", 0, ssl=context)
    async with server:
        yield int(server.sockets[0].getsockname()[1])


async def believes(client: ssl.SSLContext, contexts: TlsContexts, name: str) -> bool:
    """Whether a client that goes to PEOPLE, and asks for `name` in SNI, believes what it is shown."""
    async with served(contexts.chosen(name)) as port:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname=PEOPLE)
        except ssl.SSLCertVerificationError:
            return False
        writer.transport.abort()
        return True


async def test_public_certificate_and_pin_are_believed_at_once(present_lab: AuthorityLab, tmp_path: Path) -> None:
    certificate, key, public = public_files(tmp_path)
    contexts = await make_contexts(present_lab.services, (certificate, key))
    pinned = pinned_context(to_pem(present_lab.services.keys.x509_root))
    assert await believes(public, contexts, PEOPLE)
    assert await believes(pinned, contexts, PINNED_SERVER_NAME)
    assert not await believes(pinned, contexts, PEOPLE)
    assert not await believes(public, contexts, PINNED_SERVER_NAME)


async def test_without_files_every_name_shows_our_own(present_lab: AuthorityLab) -> None:
    contexts = await make_contexts(present_lab.services, None)
    pinned = pinned_context(to_pem(present_lab.services.keys.x509_root))
    for name in (PEOPLE, PINNED_SERVER_NAME, "elsewhere.example"):
        assert await believes(pinned, contexts, name)


async def test_pinned_client_asks_for_the_name_whatever_host_it_goes_to(present_lab: AuthorityLab) -> None:
    asked: list[str | None] = []
    contexts = await make_contexts(present_lab.services, None)
    contexts.pinned.sni_callback = lambda _, name, __: asked.append(name)
    assert await believes(pinned_context(to_pem(present_lab.services.keys.x509_root)), contexts, PINNED_SERVER_NAME)
    assert asked == [PINNED_SERVER_NAME]


async def test_files_are_read_anew_each_time(present_lab: AuthorityLab, tmp_path: Path) -> None:
    certificate, key, first = public_files(tmp_path)
    await make_contexts(present_lab.services, (certificate, key))
    *_, second = public_files(tmp_path)
    contexts = await make_contexts(present_lab.services, (certificate, key))
    assert await believes(second, contexts, PEOPLE)
    assert not await believes(first, contexts, PEOPLE)


@pytest.mark.parametrize("broken", ["missing", "empty", "other key"])
async def test_files_that_can_not_be_used_are_named(present_lab: AuthorityLab, tmp_path: Path, broken: str) -> None:
    certificate, key, _ = public_files(tmp_path)
    if broken == "missing":
        certificate.unlink()
    elif broken == "empty":
        certificate.write_text("")
    else:
        other = ec.generate_private_key(ec.SECP256R1())
        key.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(BadTlsFiles, match=r"cert\.pem"):
        await make_contexts(present_lab.services, (certificate, key))
