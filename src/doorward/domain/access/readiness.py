"""Whether the circumstances meet what an allow demands at the door.

An allow with an unmet demand opens nothing yet: the gateway asks for the factor, or refuses. The other obligations
(recording, lengths, channels) are kept during the session and are not asked about here.
"""

from datetime import datetime
from enum import Enum

from doorward.domain.access.levels import DeviceTrust, SecondFactor
from doorward.domain.access.obligations import NO_TIME, Obligations
from doorward.domain.access.question import Context


class Unmet(Enum):
    """A demand that the circumstances do not meet; codes are stable."""

    SECOND_FACTOR = "second_factor"
    WEBAUTHN = "webauthn"
    TRUSTED_DEVICE = "trusted_device"
    SOURCE_ADDRESS = "source_address"


def unmet(obligations: Obligations, context: Context, now: datetime, *, machine: bool = False) -> tuple[Unmet, ...]:
    """What is still owed before the session may begin; empty when nothing is."""
    owed: list[Unmet] = []
    required = obligations.require_session_mfa
    if required > SecondFactor.NO and not _factor_given(obligations, context, now):
        owed.append(Unmet.WEBAUTHN if required is SecondFactor.WEBAUTHN else Unmet.SECOND_FACTOR)
    trust = obligations.device_trust
    humans_only = trust is DeviceTrust.REQUIRED_FOR_HUMANS and machine
    if trust >= DeviceTrust.REQUIRED_FOR_HUMANS and not humans_only and not context.device_verified:
        owed.append(Unmet.TRUSTED_DEVICE)
    if obligations.pin_source_ip and (
        context.source_address is None or context.source_address != context.signed_in_from
    ):
        owed.append(Unmet.SOURCE_ADDRESS)
    return tuple(owed)


def _factor_given(obligations: Obligations, context: Context, now: datetime) -> bool:
    required = obligations.require_session_mfa
    if context.mfa >= required:
        return True
    recent, interval = context.recent_factor, obligations.mfa_verification_interval
    return (
        recent is not None
        and interval > NO_TIME
        and recent.level >= required
        and recent.address == context.source_address
        and NO_TIME <= now - recent.at <= interval
    )
