"""One try to sign in through a provider, from the browser's start to the answer: one row, spent once, five minutes.

The row binds everything that must not be exchanged on the way: connector, state (as a hash), nonce, PKCE challenge
(RFC 7636), redirect, and the public keys for which certificates will be asked.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from doorward.base.entropy import Entropy

FLOW_LIFETIME: Final = timedelta(minutes=5)
DEVICE_LIFETIME_MAX: Final = timedelta(minutes=15)
FLOWS_OPEN_MAX: Final = 10_000
FLOWS_PER_NETWORK_MAX: Final = 30
SECRET_BYTES: Final = 32
REDIRECT_PATH: Final = "/callback"
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)  # RFC 7636, 4.1


class FlowKind(StrEnum):
    """How the person proves it; closed."""

    CODE = "code"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class OidcFlow:
    """A begun sign-in. `sealed` holds what only the one who began it can open: a device flow's code."""

    id: str
    kind: FlowKind
    connector_id: str
    issuer: str
    secret_hash: bytes
    nonce: str
    challenge: str
    redirect_uri: str
    ssh_key: bytes
    x509_key: bytes
    client: str
    source: str
    network: str
    created: datetime
    expires: datetime
    sealed: bytes = b""
    used: datetime | None = None

    def is_open(self, now: datetime) -> bool:
        """Whether it can still be completed."""
        return self.used is None and self.created <= now < self.expires

    def knows(self, secret: str) -> bool:
        """Whether `secret` is the state (or the device flow's secret) that was handed out; takes constant time."""
        return hmac.compare_digest(self.secret_hash, hash_secret(secret))

    def proven_by(self, verifier: str) -> bool:
        """Whether `verifier` is the one behind the challenge (RFC 7636, 4.6)."""
        if _VERIFIER.fullmatch(verifier) is None:
            return False
        return hmac.compare_digest(challenge_of(verifier).encode(), self.challenge.encode())


def new_secret(entropy: Entropy) -> str:
    """256 random bits as 43 characters of base64url: a state, a nonce, a verifier."""
    return base64.urlsafe_b64encode(entropy.token(SECRET_BYTES)).rstrip(b"=").decode()


def hash_secret(secret: str) -> bytes:
    """What is stored of a secret; it has 256 bits, so a plain hash can not be guessed backwards."""
    return hashlib.sha256(b"doorward/oidc-flow/v1\x00" + secret.encode()).digest()


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def is_challenge(text: str) -> bool:
    """Whether `text` has the shape of an S256 challenge."""
    return _CHALLENGE.fullmatch(text) is not None


def redirect_uri(port: int) -> str:
    """Where the browser brings the code: the client's own listener on loopback (RFC 8252, 7.3)."""
    return f"http://127.0.0.1:{port}{REDIRECT_PATH}"
