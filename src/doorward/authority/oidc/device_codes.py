"""A device flow's code, sealed so that only the client that began it can have it used.

The row keeps the sealed form; the key is the secret that the client was given and that is stored as a hash only.
"""

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from doorward.base.entropy import Entropy
from doorward.base.errors import Refused
from doorward.base.secret import Secret
from doorward.domain.identity.oidc_flow import hash_secret

NONCE_BYTES: Final = 12
_BOUND: Final = b"doorward/oidc-device-code/v1"


class NotTheSecret(Refused):
    """The secret does not open it."""

    code = "oidc_refused"


def seal(entropy: Entropy, secret: str, code: Secret) -> bytes:
    """Nonce and ciphertext (AES-256-GCM)."""
    nonce = entropy.token(NONCE_BYTES)
    return nonce + AESGCM(_key(secret)).encrypt(nonce, code.reveal(), _BOUND)


def unseal(sealed: bytes, secret: str) -> Secret:
    """The code; `NotTheSecret` otherwise."""
    try:
        return Secret(AESGCM(_key(secret)).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _BOUND))
    except (InvalidTag, ValueError) as error:
        raise NotTheSecret("opening a device flow: this is not its secret") from error


def _key(secret: str) -> bytes:
    # Another input than the stored hash has, so that the one says nothing of the other.
    return hash_secret("seal\x00" + secret)
