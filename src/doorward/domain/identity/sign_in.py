"""A sign-in: being known to Doorward for some hours. It opens no target by itself."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from doorward.base.ids import SignInId, UserId

SIGN_IN_LENGTH_DEFAULT: Final = timedelta(hours=8)
SIGN_IN_LENGTH_MAX: Final = timedelta(hours=24)


class SignInEnd(StrEnum):
    """Why a sign-in ended before its time; closed."""

    SIGNED_OUT = "signed_out"
    REVOKED = "revoked"
    USER_RESET = "user_reset"
    USER_DISABLED = "user_disabled"
    LOCKED = "locked"
    PROVIDER_LOGGED_OUT = "provider_logged_out"
    PROVIDER_REFUSED = "provider_refused"
    CLAIMS_TOO_OLD = "claims_too_old"


@dataclass(frozen=True, slots=True)
class SignIn:
    """One sign-in of one user; `ssh_serial` is how a gateway's proof finds it.

    `ssh_authority` is the fingerprint of the key that signed its SSH certificate, `face_authorities` are those of the
    keys that its client was told to believe of gateways; empty for sign-ins from before that was kept.
    """

    id: SignInId
    user_id: UserId
    created: datetime
    expires: datetime
    ssh_serial: int
    x509_serial: str
    method: str
    source: str
    client: str
    ended: datetime | None = None
    end_reason: SignInEnd | None = None
    ssh_authority: str = ""
    face_authorities: tuple[str, ...] = ()

    def is_live(self, now: datetime) -> bool:
        """Whether its certificates still count."""
        return self.ended is None and self.created <= now < self.expires
