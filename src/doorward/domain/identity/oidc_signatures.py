"""A provider's signed token, opened: compact JWS (RFC 7515) under the provider's published keys, and nothing looser.

The algorithm must stand in our list and fit the key's own type, so that neither `none` nor a public key used as an
HMAC secret (RFC 8725, 2.1) ever counts. Keys are read without their private members; weak ones are left out.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from doorward.base.errors import Invalid

TOKEN_CHARACTERS_MAX: Final = 65_536
HEADER_BYTES_MAX: Final = 4_096
KEYS_MAX: Final = 64
RSA_BITS_MIN: Final = 2_048
RSA_BITS_MAX: Final = 8_192
RSA_EXPONENT_BYTES_MAX: Final = 4
# What a key must be for an algorithm: its `kty`, its `crv`, and its members that are public.
_FITTING: Final[Mapping[str, tuple[str, str]]] = {
    "RS256": ("RSA", ""),
    "PS256": ("RSA", ""),
    "ES256": ("EC", "P-256"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}
_MEMBERS: Final = {"RSA": ("kty", "n", "e"), "EC": ("kty", "crv", "x", "y"), "OKP": ("kty", "crv", "x")}
_TYPES: Final[Mapping[str, type[RSAKey] | type[ECKey] | type[OKPKey]]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}


class BadToken(Invalid):
    """A token that proves nothing."""

    code = "bad_token"


class UnknownKey(BadToken):
    """No published key can have signed it; the provider may have new ones."""

    code = "unknown_key"


@dataclass(frozen=True, slots=True)
class SignedToken:
    """What a verified token says, and by which algorithm and `typ` (in lower case, empty without one)."""

    algorithm: str
    type: str
    claims: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ProviderKey:
    """One key of a provider's set (RFC 7517); `kid` and `algorithm` are empty when it does not say."""

    kid: str
    type: str
    curve: str
    algorithm: str
    key: RSAKey | ECKey | OKPKey

    def fits(self, algorithm: str, kid: str) -> bool:
        """Whether it may have signed by `algorithm` under the name `kid`."""
        if self.algorithm not in {"", algorithm} or (kid and self.kid != kid):
            return False
        return _FITTING[algorithm] == (self.type, self.curve)


def read_keys(document: object) -> tuple[ProviderKey, ...]:
    """The usable signing keys of a JWK set; what is of no use here is left out, what is no set is `BadToken`."""
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list) or len(listed) > KEYS_MAX:
        raise BadToken(f"reading the provider's keys: a list of at most {KEYS_MAX} is expected")
    return tuple(key for key in map(_key, listed) if key is not None)


def open_token(token: str, keys: Sequence[ProviderKey]) -> SignedToken:
    """What `token` says if one of `keys` signed it; `UnknownKey` when none fits, `BadToken` otherwise."""
    parts = token.split(".") if len(token) <= TOKEN_CHARACTERS_MAX else []
    if len(parts) != 3:
        raise BadToken("reading a token: it is no signed token, or too long")
    head, body, signature = (_decoded(part) for part in parts)
    header = _object(head) if len(head) <= HEADER_BYTES_MAX else {}
    algorithm, kid, kind = header.get("alg"), header.get("kid", ""), header.get("typ", "")
    if not isinstance(algorithm, str) or algorithm not in _FITTING or "crit" in header:
        raise BadToken("reading a token: it is signed in a way that is not accepted")
    if not isinstance(kid, str) or not isinstance(kind, str):
        raise BadToken("reading a token: its header is malformed")
    fitting = [key for key in keys if key.fits(algorithm, kid)]
    if not fitting:
        raise UnknownKey("reading a token: none of the provider's keys can have signed it")
    signed = f"{parts[0]}.{parts[1]}".encode("ascii")
    if not any(_verifies(algorithm, key, signed, signature) for key in fitting):
        raise BadToken("reading a token: its signature is wrong")
    return SignedToken(algorithm, kind.lower(), _object(body))


def _verifies(algorithm: str, key: ProviderKey, signed: bytes, signature: bytes) -> bool:
    # Straight to the model: the registry's look-up warns of EdDSA's name, which many providers still use (RFC 9864).
    try:
        return bool(JWSRegistry.algorithms[algorithm].verify(signed, signature, key.key))
    except (JoseError, ValueError):
        return False


def _key(found: object) -> ProviderKey | None:
    if not isinstance(found, dict) or found.get("use", "sig") != "sig":
        return None
    kind, curve, kid, algorithm = (found.get(name, "") for name in ("kty", "crv", "kid", "alg"))
    if not all(isinstance(text, str) for text in (kind, curve, kid, algorithm)) or kind not in _TYPES:
        return None
    members = {name: value for name in _MEMBERS[kind] if isinstance(value := found.get(name), str)}
    if len(members) < len(_MEMBERS[kind]) or (kind == "RSA" and not _good_rsa(members)):
        return None
    try:
        key = _TYPES[kind].import_key(dict[str, str | list[str]](members))
    except (JoseError, ValueError, KeyError):
        return None
    return ProviderKey(kid, kind, curve, algorithm, key)


def _good_rsa(members: Mapping[str, str]) -> bool:
    # A huge modulus or exponent makes each check cost seconds; a small one can be factored.
    try:
        modulus, exponent = _decoded(members["n"]), _decoded(members["e"])
    except BadToken:
        return False
    bits = int.from_bytes(modulus).bit_length()
    return RSA_BITS_MIN <= bits <= RSA_BITS_MAX and len(exponent) <= RSA_EXPONENT_BYTES_MAX


def _decoded(part: str) -> bytes:
    try:
        # A standard-alphabet character would be another text for the same bytes.
        if "+" in part or "/" in part or "=" in part:
            raise ValueError(part)
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise BadToken("reading a token: it is not base64url") from error


def _object(text: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadToken("reading a token: it is not JSON") from error
    if not isinstance(found, dict):
        raise BadToken("reading a token: an object is expected")
    return found
