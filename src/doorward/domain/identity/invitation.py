"""A code that lets one person set up, or set up again, one user's factors.

128 random bits, stored as a hash, spent once, short-lived (security rule: whoever reads the database can not enrol).
"""

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from doorward.base.entropy import Entropy
from doorward.base.errors import Invalid
from doorward.base.ids import UserId

CODE_BYTES: Final = 16
CODE_TEXT_MAX: Final = 64
FIRST_ADMIN_LIFETIME: Final = timedelta(minutes=30)
INVITATION_LIFETIME: Final = timedelta(hours=24)
STILL_GOOD: Final = (
    "the one-time code is still good; the next try shows another totp-secret, so remove the entry in your authenticator"
)
"""What to say of a try that spent nothing: the secret that was shown in it will never count."""


class InvitationPurpose(StrEnum):
    """What redeeming it does; closed."""

    FIRST_ADMIN = "first_admin"
    ENROL = "enrol"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Invitation:
    """A stored invitation; the code itself is known to its receiver only."""

    id: str
    code_hash: bytes
    user_id: UserId
    purpose: InvitationPurpose
    expires: datetime
    created_by: str
    used: datetime | None = None

    def is_open(self, now: datetime) -> bool:
        """Whether it can still be redeemed."""
        return self.used is None and now < self.expires


def new_code(entropy: Entropy) -> str:
    """A fresh code in groups of four, easy to read out: `abcd-efgh-...`, 26 base32 characters, 130 bits."""
    text = base64.b32encode(entropy.token(CODE_BYTES + 1)).decode("ascii").lower()[:26]
    return "-".join(text[index : index + 4] for index in range(0, len(text), 4))


def hash_code(code: str) -> bytes:
    """What is stored and looked up. A plain SHA-256: the code has 130 bits, guessing is not the attack."""
    if len(code) > CODE_TEXT_MAX:
        raise Invalid("reading a code: it is too long")
    normal = code.strip().lower().replace("-", "")
    return hashlib.sha256(b"doorward/code/v1\x00" + normal.encode()).digest()
