"""The signer's refusals as they cross the socket: an error becomes `Failed`, and the same error again on our side."""

from typing import Final

from doorward.api.signer.messages import Failed
from doorward.base.errors import Conflict, DoorwardError, Invalid, Refused, Unavailable
from doorward.domain.certificates.refusals import BadPublicKey, BadSubject, ExtensionRefused, LifetimeRefused
from doorward.domain.certificates.rotation import NotRotated, OutOfStep, TooEarly


class SignerAway(Unavailable):
    """The signer can not be reached, or did not answer in time."""

    code = "signer_away"


class SignerBusy(Unavailable):
    """More calls are waiting for the signer than may wait."""

    code = "signer_busy"


class RateExceeded(Unavailable):
    """More of this kind was asked for than the signer gives in so short a time."""

    code = "signer_rate_exceeded"


class BadRequest(Invalid):
    """The request is none that the signer knows, or its fields are out of bounds."""

    code = "signer_bad_request"


class StaleCheckpoint(Conflict):
    """A larger checkpoint of this log was signed before."""

    code = "stale_checkpoint"


class ForkedCheckpoint(Refused):
    """A checkpoint of this size but with another root was signed before."""

    code = "forked_checkpoint"


class ForeignOrigin(Refused):
    """The origin does not name this installation."""

    code = "foreign_origin"


class SealedElsewhere(Refused):
    """The sealed secret is another user's, another installation's, or was changed."""

    code = "totp_sealed_elsewhere"


_KINDS: Final[dict[str, type[DoorwardError]]] = {
    "invalid": Invalid,
    "refused": Refused,
    "conflict": Conflict,
    "unavailable": Unavailable,
}
_TRAVELLING: Final[dict[str, type[DoorwardError]]] = {
    refusal.code: refusal
    for refusal in (
        BadPublicKey,
        BadSubject,
        ExtensionRefused,
        LifetimeRefused,
        RateExceeded,
        BadRequest,
        StaleCheckpoint,
        ForkedCheckpoint,
        ForeignOrigin,
        SealedElsewhere,
        NotRotated,
        OutOfStep,
        TooEarly,
    )
}


def to_failed(error: DoorwardError) -> Failed:
    """The answer that tells of `error`."""
    if isinstance(error, Invalid):
        return Failed("invalid", error.code, error.message)
    if isinstance(error, Conflict):
        return Failed("conflict", error.code, error.message)
    if isinstance(error, Unavailable):
        return Failed("unavailable", error.code, error.message)
    return Failed("refused", error.code, error.message)


def from_failed(failed: Failed) -> DoorwardError:
    """The error to raise; for a code that this version does not know, its kind."""
    return _TRAVELLING.get(failed.code, _KINDS[failed.kind])(failed.message)
