"""`dw mfa`: giving the second factor before it is asked for.

It counts for sessions of this user from this address whose roles say `mfa_verification_interval`, for that long. A code
is spent here as anywhere, and a wrong one is counted like one at sign-in.
"""

from datetime import timedelta
from typing import Final

from doorward.api.bodies.sign_ins import FactorVerified, VerifyAhead
from doorward.authority.callers import UserCaller
from doorward.authority.factor_failures import count_failure, is_blocked
from doorward.authority.noting import note
from doorward.authority.ports import Transaction
from doorward.authority.services import Services
from doorward.base.errors import Refused
from doorward.domain.access.levels import SecondFactor
from doorward.domain.audit.event import Actor, Subjects
from doorward.domain.audit.events_people import MFA_VERIFIED
from doorward.domain.identity.factors import GivenFactor

KEPT: Final = timedelta(days=1)


class FactorRefused(Refused):
    """The code is wrong, spent, or the factor is blocked; which of them is not said."""

    code = "factor_refused"


async def verify_ahead(services: Services, caller: UserCaller, said: VerifyAhead) -> FactorVerified:
    """Spend a code for what comes."""

    def look_up(tx: Transaction) -> list[tuple[str, bytes, int]]:
        if is_blocked(tx, caller.user_id):
            return []
        factors = tx.totp.list(caller.user_id)
        return [(one.id, one.sealed, one.last_step) for one in factors if one.confirmed is not None]

    found: tuple[str, int] | None = None
    for factor_id, sealed, last_step in await services.store.read(look_up):
        step = await services.signer.check_totp(
            user_id=caller.user_id, sealed=sealed, code=said.totp_code, after_step=last_step
        )
        if step is not None:
            found = (factor_id, step)
            break

    def work(tx: Transaction) -> FactorVerified | None:
        if is_blocked(tx, caller.user_id):
            return None
        if found is None or not tx.totp.advance(*found):
            count_failure(tx, caller.user_id, caller.user_name, caller.source)
            return None
        tx.failures.clear(caller.user_id)
        tx.recent_factors.forget_before(tx.now - KEPT)
        tx.recent_factors.put(GivenFactor(caller.user_id, caller.source, SecondFactor.YES, tx.now))
        fields = {"factor": "totp", "purpose": "ahead", "source": caller.source}
        subjects = Subjects(user=caller.user_id, sign_in=caller.sign_in_id)
        note(tx, MFA_VERIFIED, Actor.user(caller.user_id), fields, subjects)
        return FactorVerified(at=tx.now.isoformat(), source=caller.source)

    verified = await services.store.write(work)
    if verified is None:
        raise FactorRefused("verifying: the code is wrong or was used, or there were too many wrong ones")
    return verified
