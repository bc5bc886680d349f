"""Proofs as gateways hand them in: honest ones, and every lie that a gateway may try.

`signed_request` makes real signed bytes with a real key; what it says can be changed part by part.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.support.authorities import ed25519_key, ssh_authority
from tests.support.authority_lab import SOURCE, AuthorityLab, LabSignIn

from doorward.api.bodies.gateway_calls import OpenSession, Proof, SessionPlan
from doorward.base.ids import GatewayId, SignInId, UserId
from doorward.domain.certificates.principals import sign_in_key_id, user_principal
from doorward.domain.certificates.purposes import Purpose
from doorward.domain.certificates.ssh_profiles import face_fields, user_fields
from doorward.wire.ssh.certificate import CertificateFields
from doorward.wire.ssh.public_key import ed25519_blob
from doorward.wire.ssh.signature import Signature, encode_signature
from doorward.wire.ssh.userauth import (
    METHOD_HOSTBOUND,
    METHOD_PLAIN,
    SERVICE,
    PublicKeyProof,
    encode_userauth_publickey,
)

CERTIFICATE_NAME: Final = "ssh-ed25519-cert-v01@openssh.com"
NONCE: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What the user signs. `face` is the host certificate that the gateway showed, None for the older method."""

    certificate: bytes
    user_name: str
    session_id: bytes
    face: bytes | None = None

    def sign(self, key: Ed25519PrivateKey) -> Proof:
        """The proof, signed with `key`."""
        method = METHOD_PLAIN if self.face is None else METHOD_HOSTBOUND
        signed = encode_userauth_publickey(
            PublicKeyProof(
                self.session_id, self.user_name, SERVICE, method, CERTIFICATE_NAME, self.certificate, self.face
            )
        )
        return Proof(signed, encode_signature(Signature("ssh-ed25519", key.sign(signed))))


async def open_as(lab: AuthorityLab, who: LabSignIn, user_name: str, **changes: Any) -> SessionPlan:
    """A session on an honest proof; `changes` go to `asking`."""
    return await lab.ask(asking(lab, who, user_name, **changes))


def asking(
    lab: AuthorityLab,
    who: LabSignIn,
    user_name: str,
    *,
    session_key: bytes | None = None,
    source: str = SOURCE,
    factor_code: str | None = None,
    hostbound: bool = False,
    **parts: Any,
) -> OpenSession:
    """What an honest gateway sends; `parts` replace parts of what is signed."""
    face = face_certificate(lab, lab.gateway.gateway_id, "gw.example") if hostbound else None
    request = SignedRequest(who.certificate, user_name, lab.entropy.token(32), face)
    return OpenSession(
        proof=replace(request, **parts).sign(who.key),
        session_public_key=session_key or new_session_key(lab),
        source=source,
        client_version="SSH-2.0-OpenSSH_9.2",
        factor_code=factor_code,
    )


def new_session_key(lab: AuthorityLab) -> bytes:
    """The blob of a key that a gateway made for one session."""
    return ed25519_key(int.from_bytes(lab.entropy.token(4), "big"))[1]


def face_certificate(
    lab: AuthorityLab, gateway_id: GatewayId, name: str, *, age: timedelta = timedelta(), seed: int = 0
) -> bytes:
    """A host certificate for a name that a gateway shows, as the signer would have made it `age` ago."""
    fields = face_fields(
        gateway_id=gateway_id, name=name, public_key=ed25519_key(31)[1], serial=99, now=lab.clock.now() - age
    )
    return ssh_authority(Purpose.FACE_HOST, seed).sign(fields, NONCE)


def user_certificate_fields(lab: AuthorityLab, who: LabSignIn) -> CertificateFields:
    """What this user's certificate says, for making wrong ones of it by hand."""
    return user_fields(
        user_id=UserId(who.caller.user_id),
        sign_in_id=SignInId(who.caller.sign_in_id),
        public_key=ed25519_blob_of(who.key),
        serial=who.row.ssh_serial,
        now=lab.clock.now(),
    )


def ed25519_blob_of(key: Ed25519PrivateKey) -> bytes:
    """The SSH blob of a key's public half."""
    return ed25519_blob(key.public_key().public_bytes_raw())


def signed_certificate(fields: CertificateFields, purpose: Purpose = Purpose.USER_SSH, seed: int = 0) -> bytes:
    """Sign any fields, wrong ones too, with the key of an authority of the ring `seed`."""
    return ssh_authority(purpose, seed).sign(fields, NONCE)


def principal_of(who: LabSignIn) -> str:
    """The one principal of the user's certificate."""
    return user_principal(who.caller.user_id)


def key_id_of(who: LabSignIn) -> str:
    """The key id of the user's certificate."""
    return sign_in_key_id(who.caller.sign_in_id)
