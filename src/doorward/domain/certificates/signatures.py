"""Whether a signature over given bytes was made by a given SSH key. Answers true or false; nothing is raised.

Ed25519, ECDSA on the NIST curves, RSA with SHA-256 or SHA-512, and the FIDO kinds, which must attest that somebody
touched the token. Never SHA-1, never RSA below 2048 bits.
"""

import hashlib
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm

from doorward.domain.certificates.ssh_profiles import rsa_is_acceptable
from doorward.wire.errors import RemoteProtocolError
from doorward.wire.ssh.fields import encode_uint32
from doorward.wire.ssh.public_key import EcdsaKey, Ed25519Key, PublicKey, RsaKey, parse_public_key
from doorward.wire.ssh.signature import Signature, parse_ecdsa_pair, parse_signature

_CURVES: Final[dict[str, tuple[type[ec.EllipticCurve], type[HashAlgorithm]]]] = {
    "nistp256": (ec.SECP256R1, SHA256),
    "nistp384": (ec.SECP384R1, SHA384),
    "nistp521": (ec.SECP521R1, SHA512),
}
_RSA_HASHES: Final[dict[str, type[HashAlgorithm]]] = {"rsa-sha2-256": SHA256, "rsa-sha2-512": SHA512}
_USER_PRESENT: Final = 0x01


def verify_signature(public_key_blob: bytes, algorithm: str, signature_blob: bytes, data: bytes) -> bool:
    """Whether `signature_blob`, of exactly `algorithm` (such as `rsa-sha2-512`), is the key's over `data`."""
    try:
        name, key = parse_public_key(public_key_blob)
        signature = parse_signature(signature_blob)
        if signature.algorithm != algorithm or not _algorithm_fits(name, algorithm):
            return False
        return _verify(key, signature, data)
    except (RemoteProtocolError, InvalidSignature, UnsupportedAlgorithm, ValueError):
        # ValueError: a point that is not on its curve, or numbers that are no RSA key.
        return False


def _algorithm_fits(key_name: str, algorithm: str) -> bool:
    return algorithm in _RSA_HASHES if key_name == "ssh-rsa" else algorithm == key_name


def _verify(key: PublicKey, signature: Signature, data: bytes) -> bool:
    if isinstance(key, RsaKey):
        return _verify_rsa(key, signature, data)
    if key.application is not None:
        if not signature.flags & _USER_PRESENT:
            return False
        # PROTOCOL.u2f: the token signs hashes of application and message around its flags and counter.
        data = (
            hashlib.sha256(key.application.encode()).digest()
            + bytes((signature.flags,))
            + encode_uint32(signature.counter)
            + hashlib.sha256(data).digest()
        )
    if isinstance(key, Ed25519Key):
        Ed25519PublicKey.from_public_bytes(key.raw).verify(signature.raw, data)
        return True
    return _verify_ecdsa(key, signature, data)


def _verify_ecdsa(key: EcdsaKey, signature: Signature, data: bytes) -> bool:
    curve, digest = _CURVES[key.curve]
    public_key = ec.EllipticCurvePublicKey.from_encoded_point(curve(), key.point)
    public_key.verify(encode_dss_signature(*parse_ecdsa_pair(signature.raw)), data, ec.ECDSA(digest()))
    return True


def _verify_rsa(key: RsaKey, signature: Signature, data: bytes) -> bool:
    if not rsa_is_acceptable(key):
        return False
    public_key = RSAPublicNumbers(key.exponent, key.modulus).public_key()
    # Some clients drop leading zeros, and OpenSSH's server puts them back; longer ones fail in verify().
    raw = signature.raw.rjust((key.modulus.bit_length() + 7) // 8, b"\0")
    public_key.verify(raw, data, padding.PKCS1v15(), _RSA_HASHES[signature.algorithm]())
    return True
