"""Which right a call needs, looked at inside the call's own transaction.

The HTTP layer demands a right for each route; operations whose right depends on what they find ask here.
"""

from collections.abc import Sequence

from doorward.authority.callers import UserCaller
from doorward.authority.policy import PolicyView
from doorward.authority.ports import Transaction
from doorward.authority.services import Services
from doorward.base.errors import Refused
from doorward.domain.access.rights import may_call


class NoRight(Refused):
    """None of the caller's roles gives the right."""

    code = "no_right"


def has_right(services: Services, tx: Transaction, caller: UserCaller, resource: str, verb: str) -> bool:
    """Whether the caller's roles give `verb` on `resource`; deny rules first."""
    return _holds(services.policy.view(tx), caller, resource, verb)


def require(services: Services, tx: Transaction, caller: UserCaller, resource: str, verb: str) -> None:
    """`NoRight` unless `has_right`."""
    require_in(services.policy.view(tx), caller, resource, verb)


def require_any(
    services: Services, tx: Transaction, caller: UserCaller, resources: Sequence[str], verbs: Sequence[str]
) -> None:
    """`NoRight` unless the caller holds one of `verbs` on one of `resources`: before work that costs something."""
    view = services.policy.view(tx)
    if not any(_holds(view, caller, resource, verb) for resource in resources for verb in verbs):
        raise NoRight(f"this needs a right to {' or '.join(verbs)} something; none of your roles gives it")


def require_in(view: PolicyView, caller: UserCaller, resource: str, verb: str) -> None:
    """The same on a view that is at hand: inside a change it is the one from before it, made once for all of it."""
    if not _holds(view, caller, resource, verb):
        raise NoRight(f"this needs the right to {verb} {resource}; none of your roles gives it")


def holds_in(view: PolicyView, caller: UserCaller, resource: str, verb: str) -> bool:
    """Whether the caller's roles give `verb` on `resource`, on a view that is at hand."""
    return _holds(view, caller, resource, verb)


def _holds(view: PolicyView, caller: UserCaller, resource: str, verb: str) -> bool:
    subject = view.prepared(caller.user_id, caller.sign_in_id).subject
    return may_call(subject.roles, resource, verb).allowed
