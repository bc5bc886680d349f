"""The bytes that an SSH client signs to sign in with a key.

RFC 4252 section 7 (`publickey`), and OpenSSH's `publickey-hostbound-v00@openssh.com` (PROTOCOL, section 3.1), whose
signed bytes also hold the host key, or whole host certificate, that the server showed. They are the proof that travels
from the gateway to the authority: nothing in them is true until the signature over exactly these bytes was verified.
"""

from dataclasses import dataclass
from typing import Final

from doorward.wire.errors import RemoteProtocolError
from doorward.wire.ssh.certificate import CERTIFICATE_BYTES_MAX, CERTIFIED_KEYS
from doorward.wire.ssh.fields import FieldReader, encode_string, encode_text
from doorward.wire.ssh.public_key import ALGORITHM_BYTES_MAX
from doorward.wire.ssh.signature import SIGNATURE_ALGORITHMS

METHOD_PLAIN: Final = "publickey"
METHOD_HOSTBOUND: Final = "publickey-hostbound-v00@openssh.com"
SERVICE: Final = "ssh-connection"
SESSION_ID_BYTES_MIN: Final = 20
SESSION_ID_BYTES_MAX: Final = 64
"""An exchange hash: 20 bytes with SHA-1 (which we never agree on) to 64 with SHA-512."""
USER_NAME_BYTES_MAX: Final = 512
SIGNED_BYTES_MAX: Final = 2 * CERTIFICATE_BYTES_MAX + 2_048
_USERAUTH_REQUEST: Final = 50

_RSA_CERTIFICATE: Final = "ssh-rsa-cert-v01@openssh.com"
PUBLIC_KEY_ALGORITHMS: Final = {
    **{name: name for name in SIGNATURE_ALGORITHMS},
    **{name: key for name, key in CERTIFIED_KEYS.items() if name != _RSA_CERTIFICATE},
    "rsa-sha2-256-cert-v01@openssh.com": "rsa-sha2-256",
    "rsa-sha2-512-cert-v01@openssh.com": "rsa-sha2-512",
}
"""Name in a request -> the algorithm that its signature must have."""


@dataclass(frozen=True, slots=True)
class PublicKeyProof:
    """What the client signed. `key_blob`: a public key or certificate; `server_host_key`: None when not host bound."""

    session_id: bytes
    user_name: str
    service: str
    method: str
    algorithm: str
    key_blob: bytes
    server_host_key: bytes | None

    @property
    def signature_algorithm(self) -> str:
        """The algorithm that the signature must name."""
        return PUBLIC_KEY_ALGORITHMS[self.algorithm]


def parse_userauth_publickey(signed_bytes: bytes) -> PublicKeyProof:
    """The proof in `signed_bytes`; `RemoteProtocolError` for anything else, also for SHA-1 and for another service."""
    if len(signed_bytes) > SIGNED_BYTES_MAX:
        raise RemoteProtocolError("reading a signed sign-in: too long")
    reader = FieldReader(signed_bytes)
    session_id = reader.string(SESSION_ID_BYTES_MAX)
    if len(session_id) < SESSION_ID_BYTES_MIN:
        raise RemoteProtocolError("reading a signed sign-in: no session id")
    if reader.byte() != _USERAUTH_REQUEST:
        raise RemoteProtocolError("reading a signed sign-in: not an authentication request")
    user_name = reader.text(USER_NAME_BYTES_MAX)
    service = reader.text(ALGORITHM_BYTES_MAX)
    method = reader.text(ALGORITHM_BYTES_MAX)
    if service != SERVICE or method not in (METHOD_PLAIN, METHOD_HOSTBOUND):
        raise RemoteProtocolError("reading a signed sign-in: another service or method")
    if not reader.boolean():
        raise RemoteProtocolError("reading a signed sign-in: an offer, not a signature")
    algorithm = reader.text(ALGORITHM_BYTES_MAX)
    if algorithm not in PUBLIC_KEY_ALGORITHMS:
        raise RemoteProtocolError("reading a signed sign-in: an algorithm that is not accepted")
    key_blob = reader.string(CERTIFICATE_BYTES_MAX)
    host_key = reader.string(CERTIFICATE_BYTES_MAX) if method == METHOD_HOSTBOUND else None
    reader.expect_end()
    return PublicKeyProof(session_id, user_name, service, method, algorithm, key_blob, host_key)


def encode_userauth_publickey(proof: PublicKeyProof) -> bytes:
    """The bytes to sign for `proof`: the inverse of `parse_userauth_publickey`."""
    signed = b"".join(
        (
            encode_string(proof.session_id),
            bytes((_USERAUTH_REQUEST,)),
            encode_text(proof.user_name),
            encode_text(proof.service),
            encode_text(proof.method),
            b"\x01",
            encode_text(proof.algorithm),
            encode_string(proof.key_blob),
        )
    )
    return signed if proof.server_host_key is None else signed + encode_string(proof.server_host_key)
