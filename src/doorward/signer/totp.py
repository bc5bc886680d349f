"""Second factors by time (RFC 6238), whose secrets never leave the signer after they were shown once.

A secret is sealed under a key of the signer with the installation and the user as additional data, so that a sealed
secret can not be moved to another user. A code counts within one step before and after now, once.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag

from doorward.api.signer.refusals import SealedElsewhere
from doorward.base.entropy import Entropy
from doorward.base.ids import ID_LENGTH, InstallationId, UserId, checked_id
from doorward.base.secret import Secret
from doorward.domain.certificates.purposes import KeyState
from doorward.signer.ports import HeldSealingKey

STEP_SECONDS: Final = 30
WINDOW_STEPS: Final = 1
DIGITS: Final = 6
SECRET_BYTES: Final = 20
"""The length of SHA-1's output, as RFC 4226 section 4 recommends; authenticator apps know no other hash reliably."""
_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 12


def hotp(secret: bytes, counter: int, digits: int = DIGITS) -> str:
    """The code for `counter` (RFC 4226 section 5.3)."""
    mac = hmac.digest(secret, counter.to_bytes(8, "big"), hashlib.sha1)
    offset = mac[-1] & 0x0F
    number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def accepted_step(secret: bytes, code: str, now_seconds: int, after_step: int) -> int | None:
    """The step whose code this is, if it lies in the window and after `after_step`; the time taken tells nothing."""
    present = now_seconds // STEP_SECONDS
    accepted: int | None = None
    for step in range(max(0, present - WINDOW_STEPS), present + WINDOW_STEPS + 1):
        is_equal = hmac.compare_digest(hotp(secret, step).encode(), code.encode())
        if is_equal and step > after_step:
            accepted = step
    return accepted


class TotpSealer:
    """Seals with the current key, opens with every key that is held."""

    def __init__(self, keys: Sequence[HeldSealingKey], installation_id: InstallationId, entropy: Entropy) -> None:
        self._keys = {key.key_id: key for key in keys}
        self._current = next(key for key in keys if key.state is KeyState.CURRENT)
        self._installation_id = installation_id
        self._entropy = entropy

    def enrol(self, user_id: UserId) -> tuple[bytes, Secret]:
        """A fresh secret: sealed, and as base32 to show once."""
        secret = self._entropy.token(SECRET_BYTES)
        nonce = self._entropy.token(_NONCE_BYTES)
        sealed = self._current.cipher.encrypt(nonce, secret, self._bound_to(user_id))
        head = _VERSION + self._current.key_id.encode("ascii")
        return head + nonce + sealed, Secret(base64.b32encode(secret))

    def open(self, user_id: UserId, sealed: bytes) -> Secret:
        """The secret in `sealed`; `SealedElsewhere` if it was not sealed here for this user."""
        bound_to = self._bound_to(user_id)
        start = 1 + ID_LENGTH
        key = self._keys.get(sealed[1:start].decode("ascii", "replace"))
        if key is None or sealed[:1] != _VERSION:
            raise SealedElsewhere("checking a second factor: it was sealed by a key that is not held")
        nonce = sealed[start : start + _NONCE_BYTES]
        try:
            return Secret(key.cipher.decrypt(nonce, sealed[start + _NONCE_BYTES :], bound_to))
        except (InvalidTag, ValueError) as error:
            raise SealedElsewhere("checking a second factor: it was sealed for somebody else, or changed") from error

    def _bound_to(self, user_id: UserId) -> bytes:
        return f"doorward/totp/v1\n{self._installation_id}\n{checked_id(user_id)}".encode("ascii")
