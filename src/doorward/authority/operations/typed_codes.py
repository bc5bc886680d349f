"""A second factor's code that was typed for one session: what it is, found out before the transaction that spends it.

Only the signer can tell, and it is asked outside of any transaction; whether the code is still good by then is looked
at again where it is spent.
"""

from dataclasses import dataclass
from typing import Final

from doorward.authority.factor_failures import is_blocked
from doorward.authority.services import Services
from doorward.base.ids import UserId

_NEVER: Final = 0
"""The first step that was ever: every code of the present window is after it."""


@dataclass(frozen=True, slots=True)
class TypedCode:
    """`spends` is what a right one uses up, (factor id, step); `is_used` says that a wrong one was right once."""

    spends: tuple[str, int] | None = None
    is_used: bool = False


async def typed_code(services: Services, user_id: UserId, code: str | None) -> TypedCode | None:
    """What was typed; None when nothing was. While the user's factors are blocked, nothing is right."""
    if not code:
        return None
    factors = await services.store.read(lambda tx: () if is_blocked(tx, user_id) else tx.totp.list(user_id))
    is_used = False
    for factor in factors:
        if factor.confirmed is None:
            continue
        check, sealed = services.signer.check_totp, factor.sealed
        step = await check(user_id=user_id, sealed=sealed, code=code, after_step=factor.last_step)
        if step is not None:
            return TypedCode((factor.id, step))
        # Who has just opened a session types the same code again: that is told apart from a wrong one.
        earlier = await check(user_id=user_id, sealed=sealed, code=code, after_step=_NEVER)
        is_used = is_used or earlier is not None
    return TypedCode(is_used=is_used)
