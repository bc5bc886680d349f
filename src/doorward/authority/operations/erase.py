"""Erasing a person from the log: the values go, their salted hashes stay, so that the log still verifies.

Only who is no user any more is erased: what is still in use would write the name again. What a recording or a session's
row holds is not part of the log, and stays as long as those are kept.
"""

from doorward.api.bodies.audit import ErasedUser, EraseUser
from doorward.authority.callers import UserCaller
from doorward.authority.noting import note
from doorward.authority.operations.removed_users import removed_users
from doorward.authority.ports import Transaction
from doorward.authority.services import Services
from doorward.base.errors import Conflict, Missing
from doorward.base.ids import UserId, is_id
from doorward.domain.audit.event import Actor, Subjects
from doorward.domain.audit.events_policy import AUDIT_ERASED


class StillDeclared(Conflict):
    """The user is still there."""

    code = "still_declared"


class SeveralOfThatName(Conflict):
    """Several removed users had the name."""

    code = "several_of_that_name"


async def erase_user(services: Services, caller: UserCaller, said: EraseUser) -> ErasedUser:
    """Remove what the log tells of a removed user, named by the last name or by the id."""
    user_id = await _which(services, said.user)

    def work(tx: Transaction) -> int:
        if user_id in services.policy.view(tx).users:
            raise StillDeclared(f"erasing {said.user}: they are still a user; remove them first")
        entries = tx.erase_user(user_id)
        if entries == 0:
            raise Missing(f"erasing {said.user}: the log holds nothing about them")
        note(tx, AUDIT_ERASED, Actor.user(caller.user_id), {"entries": entries}, Subjects(user=user_id))
        return entries

    return ErasedUser(user_id, await services.store.write(work))


async def _which(services: Services, text: str) -> UserId:
    if is_id(text):
        return UserId(text)
    declared = await services.store.read(lambda tx: services.policy.view(tx).user_named(text.lower()))
    if declared is not None:
        raise StillDeclared(f"erasing {text}: they are still a user; remove them first")
    found = await removed_users(services, text)
    if not found:
        raise Missing(f"erasing {text}: no removed user of that name is in the log")
    if len(found) > 1:
        raise SeveralOfThatName(
            f"erasing {text}: several users had that name; name one by its id: {', '.join(found[:5])}"
        )
    return found[0]
