"""What a change of the declared things must not do, judged on the whole policy before and after it."""

from collections.abc import Sequence

from doorward.authority.callers import UserCaller
from doorward.authority.giving import check_administrator_left, check_role_change, check_user_change
from doorward.authority.policy import PolicyView, UnknownSubject
from doorward.base.errors import Conflict, Invalid
from doorward.domain.kinds.registry import Declared


class StillHeld(Conflict):
    """A role that users hold can not be removed: it may be what denies them."""

    code = "still_held"


class UnknownRole(Invalid):
    """A user names a role that does not exist."""

    code = "unknown_role"


def check_change(before: PolicyView, after: PolicyView, caller: UserCaller, documents: Sequence[Declared]) -> None:
    """Whether the documents, as `after` has them, may be declared by the caller."""
    giver = before.roles_of(before.users[caller.user_id][1])
    for one in documents:
        if one.kind == "role":
            earlier = before.roles.get(one.name)
            held = (earlier,) if earlier is not None else ()
            check_role_change(giver, held, (after.roles[one.name],), f"role {one.name}")
        elif one.kind == "user":
            user_id = after.user_names[one.name]
            earlier_user = before.users.get(user_id)
            try:
                check_user_change(
                    before_with_roles(before, after),
                    caller,
                    earlier_user[1] if earlier_user is not None else None,
                    after.users[user_id][1],
                )
            except UnknownSubject as error:
                raise UnknownRole(f"{one.file}:{one.line}: user {one.name} names a role that does not exist") from error
    check_administrator_left(after)


def before_with_roles(before: PolicyView, after: PolicyView) -> PolicyView:
    """The users as they were, the roles as they will be: a role declared in the same call may be given at once."""
    return PolicyView(
        counter=-1,
        users=before.users,
        user_names=before.user_names,
        roles={**before.roles, **after.roles},
        nodes=before.nodes,
        node_names=before.node_names,
        locks=before.locks,
        targets=before.targets,
    )


def check_removal(before: PolicyView, after: PolicyView, caller: UserCaller, kind: str, name: str) -> None:
    """Whether what is missing in `after` may be removed by the caller."""
    if kind == "role":
        holders = sorted(stored.name for stored, user in after.users.values() if name in user.roles)
        if holders:
            raise StillHeld(f"removing role {name}: {', '.join(holders[:5])} still hold it")
        giver = before.roles_of(before.users[caller.user_id][1])
        check_role_change(giver, (before.roles[name],), (), f"role {name}")
    check_administrator_left(after)
