"""Taking a user's time-based factors away: each one that was in force is an event; a begun one never counted."""

from doorward.authority.noting import note
from doorward.authority.ports import Transaction
from doorward.base.ids import UserId
from doorward.domain.audit.event import Actor, Subjects
from doorward.domain.audit.events_people import FACTOR_REMOVED


def remove_factors(tx: Transaction, user_id: UserId, actor: Actor) -> int:
    """All of them; how many there were."""
    for one in tx.totp.list(user_id):
        if one.confirmed is not None:
            note(tx, FACTOR_REMOVED, actor, {"factor": "totp", "factor_id": one.id}, Subjects(user=user_id))
    return tx.totp.delete_all(user_id)
