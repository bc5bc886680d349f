"""Nobody gives what they do not hold.

Rights are given with roles: by assigning a role to a user, by changing what a role says, and by handing out the code
with which someone becomes a user. There is no exception: the first administrator starts as auditor too, so that the
right to replay recordings can be given at all (decision record 0005).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from doorward.authority.callers import UserCaller
from doorward.authority.policy import PolicyView, UnknownSubject
from doorward.base.errors import Refused
from doorward.base.ids import SignInId, UserId
from doorward.domain.access.locks import facts_of, locks_hit
from doorward.domain.access.rights import rights_not_held
from doorward.domain.access.role import Role
from doorward.domain.kinds.positioned import Placed
from doorward.domain.kinds.registry import Declared
from doorward.domain.kinds.user import User

ADMINISTRATOR: Final = "admin"


class GivesTooMuch(Placed, Refused):
    """The change would give a right that the giver does not hold."""

    code = "gives_too_much"


class LastAdministrator(Placed, Refused):
    """The change would leave nobody who can administer."""

    code = "last_administrator"


def check_role_change(giver: Sequence[Role], before: Sequence[Role], after: Sequence[Role], what: str) -> None:
    """`GivesTooMuch` when going from `before` to `after` gives a right that the giver lacks."""
    lacking = rights_not_held(giver, before=before, after=after)
    if lacking:
        named = ", ".join(f"{right.resource}: {right.verb}" for right in lacking[:5])
        raise GivesTooMuch(f"changing {what}: it would give rights that you do not hold ({named})")


def check_user_change(view: PolicyView, caller: UserCaller, before: User | None, after: User) -> None:
    """The same for the roles of a user."""
    giver = view.roles_of(view.users[caller.user_id][1])
    had = view.roles_of(before) if before is not None else ()
    check_role_change(giver, had, view.roles_of(after), "a user's roles")


def check_gives(view: PolicyView, caller: UserCaller, user: User) -> None:
    """Handing out a code for `user` gives everything that its roles give."""
    check_user_change(view, caller, None, user)


def check_administrator_left(view: PolicyView, now: datetime, documents: Sequence[Declared] = ()) -> None:
    """`LastAdministrator` unless somebody who is neither disabled nor locked holds `admin`; the documents are told of.

    A lock that shuts every administrator out would be one that nobody can remove.
    """
    if not any(_administers(view, UserId(user_id), now) for user_id in view.users):
        why = "this would leave no administrator who may sign in"
        raise LastAdministrator(why, [one.problem(_ending_field(one), why) for one in documents if _may_end(one)])


def _may_end(one: Declared) -> bool:
    """Whether a document could be what takes the last administrator away."""
    return one.kind == "lock" or (one.kind == "user" and (one.value.disabled or ADMINISTRATOR not in one.value.roles))


def _ending_field(one: Declared) -> str:
    return "spec.target" if one.kind == "lock" else "spec.disabled" if one.value.disabled else "spec.roles"


def _administers(view: PolicyView, user_id: UserId, now: datetime) -> bool:
    if ADMINISTRATOR not in view.users[user_id][1].roles:
        return False
    try:
        subject = view.prepared(user_id, SignInId("")).subject
    except UnknownSubject:
        return False
    return not locks_hit(view.locks, facts_of(subject), now)
