"""Tokens as providers sign them, and as attackers do: every part can be changed, nothing is checked."""

import base64
import json
from functools import lru_cache
from typing import Any

from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

Key = RSAKey | ECKey | OKPKey | OctKey


@lru_cache(maxsize=8)
def rsa_key(number: int = 0) -> RSAKey:
    """An RSA key; each `number` is one of its own, made once."""
    return RSAKey.generate_key(2048, {"kid": f"rsa-{number}"}, private=True)


@lru_cache(maxsize=8)
def ec_key(number: int = 0) -> ECKey:
    """A P-256 key."""
    return ECKey.generate_key("P-256", {"kid": f"ec-{number}"}, private=True)


@lru_cache(maxsize=8)
def ed_key(number: int = 0) -> OKPKey:
    """An Ed25519 key."""
    return OKPKey.generate_key("Ed25519", {"kid": f"ed-{number}"}, private=True)


def public_jwk(key: Key, **changes: Any) -> dict[str, Any]:
    """The public half, as a JWK set lists it."""
    return {**key.as_dict(private=False), **changes}


def b64(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def mint(claims: Any, key: Key, alg: str = "RS256", **header: Any) -> str:
    """A compact JWS; `header` replaces or adds members, None removes one."""
    full = {"alg": alg, "typ": "JWT", "kid": key.kid, **header}
    head = b64(json.dumps({name: value for name, value in full.items() if value is not None}).encode())
    signed = f"{head}.{b64(json.dumps(claims).encode())}"
    return f"{signed}.{b64(JWSRegistry.algorithms[alg].sign(signed.encode(), key))}"


def unsigned(claims: Any, **header: Any) -> str:
    """`alg: none`, as RFC 7519 section 6 allows and nobody may accept."""
    return f"{b64(json.dumps({'alg': 'none', **header}).encode())}.{b64(json.dumps(claims).encode())}."
