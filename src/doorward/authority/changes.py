"""What a change of the declared things must not do, judged on the whole policy before and after it."""

from collections.abc import Sequence

from doorward.authority.callers import UserCaller
from doorward.authority.giving import check_role_change, check_user_change
from doorward.authority.policy import PolicyView, UnknownSubject
from doorward.base.errors import Conflict, Invalid
from doorward.domain.access.locks import Lock
from doorward.domain.kinds.oidc_connector import OidcConnector
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
        elif one.kind == "oidc_connector":
            _check_connector(before, after, caller, one)


def _check_connector(before: PolicyView, after: PolicyView, caller: UserCaller, one: Declared) -> None:
    """Whoever maps groups to roles, or says whose word about groups counts, gives those roles."""
    earlier = before.connectors.get(one.name)
    if earlier is not None and _gives(earlier[1]) == _gives(one.value):
        return
    named = dict.fromkeys(role for roles in one.value.groups_to_roles.values() for role in roles)
    missing = next((role for role in named if role not in after.roles), None)
    if missing is not None:
        raise UnknownRole(f"{one.file}:{one.line}: oidc_connector {one.name} names role {missing}, which is not there")
    giver = before.roles_of(before.users[caller.user_id][1])
    check_role_change(giver, (), tuple(after.roles[role] for role in named), f"oidc_connector {one.name}")


def _gives(connector: OidcConnector) -> tuple[object, ...]:
    mapped = {group: tuple(roles) for group, roles in connector.groups_to_roles.items()}
    return connector.issuer, connector.client_id, connector.groups_claim, mapped


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
        connectors=before.connectors,
    )


def _names(connector: OidcConnector, role: str) -> bool:
    return any(role in roles for roles in connector.groups_to_roles.values())


def check_removal(before: PolicyView, after: PolicyView, caller: UserCaller, kind: str, name: str) -> None:
    """Whether what is missing in `after` may be removed by the caller."""
    if kind == "role":
        holders = sorted(stored.name for stored, user in after.users.values() if name in user.roles)
        if holders:
            raise StillHeld(f"removing role {name}: {', '.join(holders[:5])} still hold it")
        named = sorted(key for key, (_, one) in after.connectors.items() if _names(one, name))
        if named:
            raise StillHeld(f"removing role {name}: oidc_connector {', '.join(named[:5])} still gives it")
        giver = before.roles_of(before.users[caller.user_id][1])
        check_role_change(giver, (before.roles[name],), (), f"role {name}")


def lock_warnings(view: PolicyView, lock: Lock) -> list[str]:
    """What a lock names that is not there: it is taken, since it may name what comes, but a slip would lock nobody."""
    there = {
        "user": {*view.users, *view.user_names},
        "node": {*view.nodes, *view.node_names},
        "role": view.roles.keys(),
    }
    missing = [(field, value) for field, value in lock.target if field in there and value not in there[field]]
    return [f"spec.target.{field}: there is no {field} {value}; this locks nothing yet" for field, value in missing]
