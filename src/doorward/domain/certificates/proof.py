"""A user's own signed sign-in, verified: who, in which SSH session, under which user name, towards which name.

This is what the authority believes instead of a gateway's word. The caller still checks that the serial is live, that
the gateway which hands the proof in is the one in it, and that this session id has opened nothing before.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from doorward.domain.certificates.refusals import ProofRefused
from doorward.domain.certificates.signatures import verify_signature
from doorward.domain.certificates.ssh_check import (
    FaceIdentity,
    UserIdentity,
    check_face_certificate,
    check_user_certificate,
)
from doorward.wire.errors import RemoteProtocolError
from doorward.wire.ssh.certificate import CERTIFIED_KEYS, parse_certificate
from doorward.wire.ssh.userauth import PublicKeyProof, parse_userauth_publickey


@dataclass(frozen=True, slots=True)
class ProvenSignIn:
    """`face` is None when the client signed by the older method, which binds no host: `proof: unbound`."""

    identity: UserIdentity
    session_id: bytes
    user_name: str
    face: FaceIdentity | None

    @property
    def is_bound(self) -> bool:
        """Whether the client signed which host certificate it saw."""
        return self.face is not None


def check_sign_in_proof(
    signed_bytes: bytes,
    signature_blob: bytes,
    *,
    user_ca_keys: Collection[bytes],
    face_ca_keys: Collection[bytes],
    now: datetime,
) -> ProvenSignIn:
    """What the signature proves; `ProofRefused` or a `CertificateRefused` if it proves nothing."""
    try:
        proof = parse_userauth_publickey(signed_bytes)
        if CERTIFIED_KEYS.get(_certificate_name(proof)) is None:
            raise ProofRefused("checking a sign-in: a certificate is expected, not a bare key")
        certificate = parse_certificate(proof.key_blob)
        shown = None if proof.server_host_key is None else parse_certificate(proof.server_host_key)
    except RemoteProtocolError as error:
        raise ProofRefused("checking a sign-in: what was signed can not be read") from error
    identity = check_user_certificate(certificate, user_ca_keys, now)
    if not verify_signature(identity.public_key, proof.signature_algorithm, signature_blob, signed_bytes):
        raise ProofRefused("checking a sign-in: the signature is not this key's over these bytes")
    face = None if shown is None else check_face_certificate(shown, face_ca_keys, now)
    return ProvenSignIn(identity, proof.session_id, proof.user_name, face)


def _certificate_name(proof: PublicKeyProof) -> str:
    # For RSA the name in the request tells the hash; the certificate's own name does not.
    return proof.algorithm.replace("rsa-sha2-256-", "ssh-rsa-").replace("rsa-sha2-512-", "ssh-rsa-")
