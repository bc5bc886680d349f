"""Which right a call needs, looked at inside the call's own transaction.

The HTTP layer demands a right for each route; operations whose right depends on what they find ask here.
"""

from doorward.authority.callers import UserCaller
from doorward.authority.ports import Transaction
from doorward.authority.services import Services
from doorward.base.errors import Refused
from doorward.domain.access.rights import may_call


class NoRight(Refused):
    """None of the caller's roles gives the right."""

    code = "no_right"


def has_right(services: Services, tx: Transaction, caller: UserCaller, resource: str, verb: str) -> bool:
    """Whether the caller's roles give `verb` on `resource`; deny rules first."""
    view = services.policy.view(tx)
    subject = view.prepared(caller.user_id, caller.sign_in_id).subject
    return may_call(subject.roles, resource, verb).allowed


def require(services: Services, tx: Transaction, caller: UserCaller, resource: str, verb: str) -> None:
    """`NoRight` unless `has_right`."""
    if not has_right(services, tx, caller, resource, verb):
        raise NoRight(f"this needs the right to {verb} {resource}; none of your roles gives it")
