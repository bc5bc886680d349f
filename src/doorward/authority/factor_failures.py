"""Second-factor failures, counted per user whoever tries from wherever: at sign-in and for sessions alike."""

from doorward.authority.noting import note
from doorward.authority.ports import Transaction
from doorward.base.clock import to_micros
from doorward.base.ids import UserId
from doorward.domain.audit.event import Actor, Subjects
from doorward.domain.audit.events_people import FACTOR_FAILED, USER_LOCKED_OUT
from doorward.domain.identity.factors import after_failure


def is_blocked(tx: Transaction, user_id: UserId) -> bool:
    """Whether the user's factors are refused for now, right ones too."""
    failures = tx.failures.get(user_id)
    return failures is not None and failures.is_blocked(tx.now)


def count_failure(tx: Transaction, user_id: UserId, user_name: str, source: str) -> None:
    """One more wrong code of a user who is known otherwise: by the password, or by a proof."""
    after = after_failure(tx.failures.get(user_id), user_id, tx.now)
    tx.failures.put(after)
    subjects = Subjects(user=user_id)
    fields = {"factor": "totp", "reason": "wrong", "failures": after.failures, "source": source}
    note(tx, FACTOR_FAILED, Actor.user(user_id), fields, subjects)
    if after.blocked_until is not None:
        blocked = {
            "failures": after.failures,
            "until_micros": to_micros(after.blocked_until),
            "user_name": user_name,
            "source": source,
        }
        note(tx, USER_LOCKED_OUT, Actor.user(user_id), blocked, subjects)
