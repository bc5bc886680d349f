"""The two keys of a sign-in, made here and never sent: Ed25519 for SSH, Ed25519 for X.509."""

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from doorward.api.bodies.sign_ins import Keys
from doorward.base.secret import Secret


@dataclass(frozen=True, slots=True)
class ClientKeys:
    """Private halves as the files that keep them, public halves as the authority wants them."""

    ssh_private: Secret
    ssh_public_line: str
    x509_private: Secret
    x509_public_der: bytes
    x509_request_pem: str

    def public(self) -> Keys:
        """What is sent."""
        return Keys(self.ssh_public_line, self.x509_request_pem)


def new_client_keys() -> ClientKeys:
    """Fresh keys from the operating system's generator."""
    ssh = Ed25519PrivateKey.generate()
    tls = Ed25519PrivateKey.generate()
    # The authority reads the key and nothing else of a request; whom it is for, the sign-in says.
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(tls, None)
    return ClientKeys(
        ssh_private=Secret(ssh.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())),
        ssh_public_line=ssh.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii"),
        x509_private=Secret(tls.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())),
        x509_public_der=tls.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        x509_request_pem=request.public_bytes(Encoding.PEM).decode("ascii"),
    )
