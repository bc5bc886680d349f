"""What a gateway is known by: its TLS key and certificate, and the root that it holds its authority against.

One private file in the gateway's own directory. It is no authority's key: whoever takes it can speak as this gateway,
which can not open a session that no user signed for.
"""

import json
import os
import ssl
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from doorward.base.ids import GatewayId
from doorward.main.layout import check_private
from doorward.main.settings import BadSettings


@dataclass(frozen=True, slots=True)
class GatewayIdentity:
    """PEM texts."""

    gateway_id: GatewayId
    key_pem: str
    chain_pem: str
    root_pem: str

    def __repr__(self) -> str:
        return f"GatewayIdentity({self.gateway_id})"


def write_identity(path: Path, identity: GatewayIdentity) -> None:
    """Write it whole, 0600, or not at all."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(identity), file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def read_identity(path: Path) -> GatewayIdentity:
    """The identity; `BadSettings` when it is missing, exposed or unreadable."""
    try:
        check_private(path)
        return GatewayIdentity(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise BadSettings(f"reading {path}: this gateway has not joined an authority yet") from error
    except (ValueError, TypeError) as error:
        raise BadSettings(f"reading {path}: it is damaged; join the gateway again") from error


def client_context(identity: GatewayIdentity, path: Path) -> ssl.SSLContext:
    """TLS 1.3 towards the authority: our certificate shown, its own checked against the installation's root."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(cadata=identity.root_pem)
    load_into(context, identity, path)
    return context


def load_into(context: ssl.SSLContext, identity: GatewayIdentity, path: Path) -> None:
    """Show this identity from the next handshake on. The key reaches OpenSSL through an anonymous file in memory."""
    descriptor = os.memfd_create("doorward-gateway", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, (identity.key_pem + identity.chain_pem).encode())
        os.lseek(descriptor, 0, os.SEEK_SET)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    except ssl.SSLError as error:
        raise BadSettings(f"reading {path}: its key and certificate can not be used") from error
    finally:
        os.close(descriptor)


def new_key() -> tuple[str, str]:
    """A fresh key and a certificate request signed with it, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private.decode(), request.public_bytes(serialization.Encoding.PEM).decode()


def is_due(identity: GatewayIdentity, now: datetime) -> bool:
    """Whether half of the certificate's life is over."""
    leaf = x509.load_pem_x509_certificates(identity.chain_pem.encode())[0]
    return now >= leaf.not_valid_before_utc + (leaf.not_valid_after_utc - leaf.not_valid_before_utc) / 2


def has_run_out(identity: GatewayIdentity, now: datetime) -> bool:
    """Whether the certificate is over, so that nothing can be renewed with it."""
    return now >= x509.load_pem_x509_certificates(identity.chain_pem.encode())[0].not_valid_after_utc
